package host

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	const text = "#\n# Linux/x86 6.18 Kernel Configuration\n#\nCONFIG_CC_VERSION_TEXT=\"gcc = 12\"\nCONFIG_VETH=y\nCONFIG_VXLAN=m\n# CONFIG_GENEVE is not set\n\n"
	got, err := parseConfig(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"VETH": "y", "VXLAN": "m", "GENEVE": "n", "DUMMY": ""} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

func TestKernelHas(t *testing.T) {
	config := map[string]string{"VETH": "y", "VXLAN": "m", "DUMMY": "m", "GENEVE": "n"}
	modules := map[string]bool{"vxlan": true, "geneve": true}
	veth, vxlan := option{name: "VETH", module: "veth"}, option{name: "VXLAN", module: "vxlan"}
	dummy, geneve := option{name: "DUMMY", module: "dummy"}, option{name: "GENEVE", module: "geneve"}
	jit := option{name: "BPF_JIT"}
	for _, c := range []struct {
		what string
		k    kernel
		o    option
		want presence
	}{
		{"built in", kernel{config: config, modules: modules}, veth, present},
		{"module installed", kernel{config: config, modules: modules}, vxlan, present},
		{"module not installed", kernel{config: config, modules: modules}, dummy, absent},
		{"module, no list", kernel{config: config}, dummy, present},
		{"off", kernel{config: config, modules: modules}, geneve, absent},
		{"not named", kernel{config: config}, jit, absent},
		{"only modules: there", kernel{modules: modules}, vxlan, present},
		{"only modules: not there", kernel{modules: modules}, veth, absent},
		{"only modules: never one", kernel{modules: modules}, jit, unknown},
		{"nothing known", kernel{}, veth, unknown},
	} {
		if got := c.k.has(c.o); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestReadKernelOfADistribution(t *testing.T) {
	root := t.TempDir()
	put(t, root, "boot/config-"+release(), "CONFIG_VXLAN=m\nCONFIG_IP_VS=m\nCONFIG_BRIDGE=m\n")
	put(t, root, "lib/modules/"+release()+"/modules.dep", "kernel/drivers/net/vxlan/vxlan.ko.zst: kernel/net/a.ko\nkernel/net/x-y.ko.xz:\n")
	put(t, root, "lib/modules/"+release()+"/modules.builtin", "kernel/net/bridge/bridge.ko\n")
	put(t, root, "sys/module/ip_vs/refcnt", "0\n")
	k := readKernel(root)
	for _, name := range []string{"vxlan", "bridge", "ip_vs", "x_y"} {
		if !k.modules[name] {
			t.Errorf("module %s is not seen", name)
		}
	}
	findings := kernelFindings(k)
	if findings[0].Status != OK || !strings.Contains(findings[0].Seen, "3 of ") {
		t.Errorf("%+v, want 3 options on", findings[0])
	}
	failed := Report{findings}
	if failed.Healthy() {
		t.Error("a kernel without BPF is told to be healthy")
	}
}

func TestSettings(t *testing.T) {
	root := t.TempDir()
	s := settings{root: root, record: filepath.Join(root, "settings.json")}
	put(t, root, "fs/inotify/max_user_instances", "128\n")
	put(t, root, "fs/inotify/max_user_watches", "524288\n")
	var said []string
	log := func(text string) { said = append(said, text) }
	raise := func(nodes int) {
		t.Helper()
		if err := s.raise(needs(nodes, 10), log); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(name, want string) {
		t.Helper()
		if got, err := s.get(name); err != nil || got != want {
			t.Errorf("%s: %s, error %v, want %s", name, got, err, want)
		}
	}
	raise(3)
	if len(said) != 0 {
		t.Errorf("nothing was to be changed: %q", said)
	}
	raise(7)
	expect(inotifyInstances, "138")
	expect(inotifyWatches, "524288")
	raise(9)
	expect(inotifyInstances, "170")
	if changed, err := s.recorded(); err != nil || len(changed) != 1 || changed[0] != (Setting{inotifyInstances, "128", "170"}) {
		t.Errorf("record: %v, error %v", changed, err)
	}
	for range 2 {
		if err := s.restore(); err != nil {
			t.Fatal(err)
		}
		expect(inotifyInstances, "128")
	}
	if _, err := os.Stat(s.record); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the record is still there: %v", err)
	}
}

func TestSettingsOfSomebodyElse(t *testing.T) {
	root := t.TempDir()
	s := settings{root: root, record: filepath.Join(root, "settings.json")}
	silent := func(string) {}
	put(t, root, "a/b", "1")
	if err := s.raise([]need{{"a.b", 5, "test"}, {"not.there", 5, "test"}}, silent); err != nil {
		t.Fatal(err)
	}
	put(t, root, "a/b", "3")
	if err := s.raise([]need{{"a.b", 5, "test"}}, silent); err != nil {
		t.Fatal(err)
	}
	if changed, _ := s.recorded(); changed[0].Was != "3" {
		t.Errorf("%+v, want to go back to 3, which somebody set", changed)
	}
	put(t, root, "a/b", "9")
	if err := s.restore(); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.get("a.b"); got != "9" {
		t.Errorf("a.b: %s, want 9: it is not ours any more", got)
	}
}

func TestMeminfo(t *testing.T) {
	got, err := meminfo("MemTotal:       24684092 kB\nMemAvailable:   24245000 kB\n", "MemAvailable")
	if err != nil || got != 24245000<<10 {
		t.Errorf("%d, error %v", got, err)
	}
	if _, err := meminfo("", "MemAvailable"); err == nil {
		t.Error("no error where the line is not there")
	}
}

func TestNextSubnets(t *testing.T) {
	got, err := nextSubnets(nil)
	if err != nil || len(got) != 2 || got[0] == got[1] {
		t.Errorf("%v, error %v, want two", got, err)
	}
	if _, err := nextSubnets([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}); err == nil {
		t.Error("everything is taken: no error")
	}
}

func TestReportText(t *testing.T) {
	r := Report{[]Finding{
		{Name: "engine", Status: OK, Seen: "20.10", Wanted: "20.10"},
		failed("memory", &EngineError{Subject: "a", Seen: "b", Do: "c"}, "more"),
		{Name: "kernel DUMMY", Status: Skip, Seen: "off", Wanted: "for: x"},
	}}
	want := "STATUS  WHAT          SEEN   WANTED\n" +
		"ok      engine        20.10  20.10\n" +
		"fail    memory        a: b   more\n" +
		"skip    kernel DUMMY  off    for: x\n" +
		"\nfail: memory\n  do: c\n" +
		"\nno lab can be made here yet: 1 ok, 0 warn, 1 fail, 1 skip\n"
	if got := r.Text(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func put(t *testing.T, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
