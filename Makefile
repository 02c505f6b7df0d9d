# skidpad: `make` alone prints what there is.
SCENARIO ?= cilium-bgp-vrrp
NAME     ?=
LABELS   ?= !slow
REPORTS  ?= reports
SUITES   ?= ./suites/...
COUNT    ?= 1000000

name_flag = $(if $(NAME),--name $(NAME))
skidpad   = bin/skidpad

.DEFAULT_GOAL := help
.PHONY: help build install speed lab-up lab-down test unit routers fuzz e2e images bench accuracy cross lint api vm screenshot doctor

help: ## print this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  SCENARIO=$(SCENARIO) and NAME=<lab> choose; LABELS='$(LABELS)' and SUITES='$(SUITES)' choose end-to-end specs."

build: ## build bin/skidpad; on macOS, also the agent's program for the engine's machine
	@go build -o $(skidpad) ./tools/skidpad
	@[ "$$(go env GOOS)" = linux ] || GOOS=linux CGO_ENABLED=0 go build -o bin/skidpad-linux-$$(go env GOARCH) ./tools/skidpad

install: ## put skidpad into Go's folder of programs
	@$(if $(GOBIN),GOBIN=$(GOBIN)) go install ./tools/skidpad

lab-up: build ## bring the lab of SCENARIO up and check it
	@$(skidpad) up $(SCENARIO) $(name_flag)

lab-down: build ## take the lab down; nothing of it is left
	@$(skidpad) down $(if $(NAME),--name $(NAME),--name $(notdir $(SCENARIO:.yaml=)))

test: speed unit routers e2e ## unit tests, routers without a cluster, then the end-to-end suites

speed:
	@go run ./tools/runs speed

unit: ## unit tests: no engine, no root
	@go run ./tools/runs go ./lab/... ./tools/... ./fixtures/... ./scenarios/...

routers: ## routers of every software for real, without a cluster; root
	@SKIDPAD_ROUTERS=1 go run ./tools/runs go -- -count=1 -parallel=4 ./lab/router

fuzz: ## COUNT hostile inputs for each reader of files, labels, packets and routers' output
	@grep -ro --include='fuzz_test.go' '^func Fuzz[A-Za-z]*' lab | sed 's|^\(.*\)/fuzz_test.go:func \(.*\)|./\1 \2|' | sort | while read folder target; do \
		echo "$$folder $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(COUNT)x -fuzzminimizetime 100x "$$folder" || exit 1; done

e2e: build ## the end-to-end suites on real labs; suites share that of SCENARIO, which is taken down at the end
	@$(skidpad) images build
	@mkdir -p $(REPORTS)
	@status=0; SKIDPAD_KEEP=$(SCENARIO) SKIDPAD_REPORTS=$(abspath $(REPORTS)) go run ./tools/runs e2e -labels '$(LABELS)' -reports '$(REPORTS)' $(SUITES) || status=$$?; \
	go run ./tools/runs report $(REPORTS)/suites.json || status=1; \
	$(skidpad) down --name $(SCENARIO); exit $$status

images: build ## build or find every image of the default lab
	@$(skidpad) images build

bench: build ## time and processor seconds of `skidpad up`, a plain script and a bare kind cluster, five runs each; SCALE=1: of labs of growing size
	@go run ./tools/bench $(if $(SCALE),-scale $(SCALE))

accuracy: ## how true the prober is on this machine: outages of known length against what it reports; root
	@go run ./tools/accuracy

cross: ## compile and vet the command for macOS and Windows
	@for system in darwin/arm64 darwin/amd64 windows/amd64; do \
		echo $$system; GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 go vet $$(go list -deps ./tools/skidpad | grep ^skidpad.dev/) || exit 1; \
		GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 go build -o /dev/null ./tools/skidpad || exit 1; done

lint: ## golangci-lint and actionlint, pinned in tools/lint and tools/actionlint
	@go tool -modfile=tools/lint/go.mod golangci-lint run ./...
	@go tool -modfile=tools/actionlint/go.mod actionlint

api: ## compare the exported Go API with the last entry of docs/api.md
	@tools/apidiff/check

vm: ## the commands of tools/vm/commands on an ordinary host: Debian testing in QEMU; slow without KVM
	@go run ./tools/vm

screenshot: build ## make the README's pictures again, of a real run without a cluster; chromium
	@tools/screenshot/run

doctor: build ## what this machine can do, and what to change
	@$(skidpad) doctor
