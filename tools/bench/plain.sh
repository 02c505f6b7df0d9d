#!/usr/bin/env bash
# The plain way: what one would script with the kind, helm and docker clients, one step after the other, with every
# image in the engine already. Usage: plain.sh up|bare|down; bare ends after kind. It reads from its environment:
#   KIND HELM                 the clients
#   NODE CILIUM OPERATOR ECHO FRR KEEPALIVED CLIENT   image references
#   CHART                     the folder of Cilium's chart
#   KIND_CONFIG               a kind configuration file
#   PRIVILEGED                true where the host cannot grant CAP_SYS_RESOURCE
#   SUBNET_FABRIC SUBNET_EDGE the first three octets of two free /24 networks
# It ends when the LoadBalancer address answers the client, and prints the time of each step.
set -euo pipefail

name=skidpad-plain
start=$EPOCHREALTIME
say() { awk -v a="$start" -v b="$EPOCHREALTIME" -v w="$1" 'BEGIN{printf "%6.1f %s\n", b-a, w}' >&2; }
kc() { docker exec -i $name-control-plane kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

down() {
  docker rm -fv $name-r1-gw $name-r2-gw $name-r1 $name-r2 $name-client >/dev/null 2>&1 || true
  "$KIND" delete cluster --name $name >/dev/null 2>&1 || true
  docker network rm $name-fabric $name-edge >/dev/null 2>&1 || true
}

if [ "$1" = down ]; then down; exit; fi

f=$SUBNET_FABRIC e=$SUBNET_EDGE
net() { docker network create -o com.docker.network.bridge.enable_ip_masquerade=false --subnet "$2.0/24" --ip-range "$2.64/26" --gateway "$2.1" "$1" >/dev/null; }
net $name-fabric "$f"
net $name-edge "$e"

KIND_EXPERIMENTAL_DOCKER_NETWORK=$name-fabric "$KIND" create cluster --name $name --image "$NODE" --config "$KIND_CONFIG" --kubeconfig "$dir/kubeconfig" -q
say "kind cluster"
if [ "$1" = bare ]; then exit; fi
"$KIND" load docker-image -q --name $name "$CILIUM" "$OPERATOR" "$ECHO"
say "images loaded"

"$HELM" install cilium "$CHART" -n kube-system --kubeconfig "$dir/kubeconfig" \
  --set image.repository="${CILIUM%:*}",image.tag="${CILIUM##*:}",image.useDigest=false,image.pullPolicy=IfNotPresent \
  --set operator.image.override="$OPERATOR",operator.image.pullPolicy=IfNotPresent,operator.replicas=1 \
  --set kubeProxyReplacement=true,k8sServiceHost=$name-control-plane,k8sServicePort=6443 \
  --set routingMode=native,autoDirectNodeRoutes=true,ipv4NativeRoutingCIDR=10.244.0.0/16,ipam.mode=kubernetes \
  --set loadBalancer.mode=dsr,bpf.masquerade=true,bpf.lbExternalClusterIP=true,bgpControlPlane.enabled=true,l2announcements.enabled=true \
  --set envoy.enabled=false,hubble.enabled=false,securityContext.privileged="$PRIVILEGED" >/dev/null
say "helm install returned"

for n in control-plane worker worker2; do docker exec $name-$n ip route add "$e.0/24" via "$f.254"; done
router() { # name, priority, last octet
  docker create --name $name-"$1" --cap-add NET_ADMIN --cap-add NET_RAW --cap-add SYS_ADMIN --sysctl net.ipv4.ip_forward=1 \
    --sysctl net.ipv4.conf.all.rp_filter=0 --sysctl net.ipv4.conf.default.rp_filter=0 --sysctl net.ipv4.fib_multipath_hash_policy=1 \
    --network $name-fabric --ip "$f.$3" --entrypoint sh "$FRR" -c 'sed -i s/bgpd=no/bgpd=yes/ /etc/frr/daemons; /usr/lib/frr/frrinit.sh start; exec sleep infinity' >/dev/null
  docker network connect --ip "$e.$3" $name-edge $name-"$1"
  cat >"$dir/frr.conf" <<CONF
router bgp 64513
 bgp router-id $f.$3
 no bgp ebgp-requires-policy
 bgp bestpath as-path multipath-relax
 neighbor nodes peer-group
 neighbor nodes remote-as 64512
 neighbor $f.$((25 - $3)) remote-as 64513
 bgp listen range $f.0/24 peer-group nodes
 address-family ipv4 unicast
  maximum-paths 16
CONF
  docker cp -q "$dir/frr.conf" $name-"$1":/etc/frr/frr.conf 2>/dev/null || docker cp "$dir/frr.conf" $name-"$1":/etc/frr/frr.conf
  docker start $name-"$1" >/dev/null
  fi=$(docker exec $name-"$1" ip -o -4 addr show to "$f.0/24" | awk '{print $2}')
  ei=$(docker exec $name-"$1" ip -o -4 addr show to "$e.0/24" | awk '{print $2}')
  cat >"$dir/keepalived.conf" <<CONF
vrrp_sync_group gw { group { fabric edge } }
vrrp_instance fabric { interface $fi
 virtual_router_id 51
 priority $2
 advert_int 1
 virtual_ipaddress { $f.254/24 } }
vrrp_instance edge { interface $ei
 virtual_router_id 51
 priority $2
 advert_int 1
 virtual_ipaddress { $e.254/24 } }
CONF
  docker create --name $name-"$1"-gw --cap-add NET_ADMIN --cap-add NET_RAW --network container:$name-"$1" --entrypoint keepalived "$KEEPALIVED" -n -l >/dev/null
  docker cp "$dir/keepalived.conf" $name-"$1"-gw:/etc/keepalived/keepalived.conf
  docker start $name-"$1"-gw >/dev/null
}
router r1 150 11
router r2 100 12
docker run -d --name $name-client --cap-add NET_ADMIN --network $name-edge --ip "$e.201" --entrypoint sleep "$CLIENT" infinity >/dev/null
docker exec $name-client ip route replace default via "$e.254"
say "routers and client started"

kc -n kube-system rollout status ds/cilium --timeout=300s >/dev/null
kc -n kube-system rollout status deploy/cilium-operator --timeout=300s >/dev/null
say "Cilium ready"
for crd in ciliumloadbalancerippools ciliumbgpclusterconfigs ciliumbgppeerconfigs ciliumbgpadvertisements; do
  kc wait --for=condition=Established --timeout=60s crd/$crd.cilium.io >/dev/null
done
kc apply -f - >/dev/null <<YAML
apiVersion: cilium.io/v2
kind: CiliumLoadBalancerIPPool
metadata: {name: pool}
spec: {blocks: [{cidr: 198.51.100.0/24}]}
---
apiVersion: cilium.io/v2
kind: CiliumBGPAdvertisement
metadata: {name: all, labels: {advertise: all}}
spec:
  advertisements:
    - advertisementType: PodCIDR
    - advertisementType: Service
      service: {addresses: [ClusterIP, ExternalIP, LoadBalancerIP]}
      selector: {matchExpressions: [{key: none, operator: NotIn, values: [none]}]}
---
apiVersion: cilium.io/v2
kind: CiliumBGPPeerConfig
metadata: {name: router}
spec: {families: [{afi: ipv4, safi: unicast, advertisements: {matchLabels: {advertise: all}}}]}
---
apiVersion: cilium.io/v2
kind: CiliumBGPClusterConfig
metadata: {name: routers}
spec:
  bgpInstances:
    - name: "64512"
      localASN: 64512
      peers:
        - {name: r1, peerASN: 64513, peerAddress: $f.11, peerConfigRef: {name: router}}
        - {name: r2, peerASN: 64513, peerAddress: $f.12, peerConfigRef: {name: router}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 2
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec: {containers: [{name: echo, image: "$ECHO", imagePullPolicy: IfNotPresent, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {type: LoadBalancer, selector: {app: echo}, externalIPs: [203.0.113.50], ports: [{port: 80, targetPort: 8080}]}
YAML
kc rollout status deploy/echo --timeout=300s >/dev/null
say "workload ready"

ip=$(kc wait svc/echo --for=jsonpath='{.status.loadBalancer.ingress[0].ip}' --timeout=60s -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
# Cilium tries a router that was not ready again after its connect retry time, two minutes.
until docker exec $name-client curl -sf -m 1 -o /dev/null "http://$ip/"; do
  [ $SECONDS -lt 400 ] || { echo "no answer of $ip at the client after $SECONDS s" >&2; exit 1; }
  sleep 0.1
done
say "first answer of the LoadBalancer IP"
