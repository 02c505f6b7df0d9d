package plan

import "skidpad.dev/skidpad/lab/scenario"

const apisixNamespace = "ingress-apisix"

// The images that chart 2.14.0 of APISIX names.
const (
	apisixVersion           = "3.16.0-ubuntu"
	apisixControllerVersion = "2.0.1"
	apisixADCVersion        = "0.24.2"
)

// apisix plans the gateway and its ingress controller. The controller hands the configuration to the gateway itself
// (APISIX's API-driven standalone mode), so that no etcd is installed beside the cluster's own.
func (b *builder) apisix(a *scenario.APISIX) Addon {
	gateway, controller := Image{Name: "apisix", Version: apisixVersion}, Image{Name: "apisix-ingress-controller", Version: apisixControllerVersion}
	adc := Image{Name: "apisix-adc", Version: apisixADCVersion}
	picture := func(i Image) map[string]any {
		repository, tag := i.RefParts()
		return map[string]any{"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}
	}
	values := map[string]any{
		"image":   picture(gateway),
		"service": map[string]any{"type": "LoadBalancer"},
		"etcd":    map[string]any{"enabled": false},
		"apisix": map[string]any{"deployment": map[string]any{
			"mode": "traditional", "role": "traditional", "role_traditional": map[string]any{"config_provider": "yaml"},
		}},
		"ingress-controller": map[string]any{
			"enabled":      true,
			"deployment":   map[string]any{"image": picture(controller), "adcContainer": map[string]any{"image": picture(adc)}},
			"config":       map[string]any{"provider": map[string]any{"type": "apisix-standalone"}, "kubernetes": map[string]any{"defaultIngressClass": true}},
			"gatewayProxy": map[string]any{"createDefault": true},
			"apisix":       map[string]any{"adminService": map[string]any{"namespace": apisixNamespace}},
		},
	}
	return Addon{
		Version: a.Version, Images: []Image{gateway, controller, adc},
		Chart: &Chart{Repository: "https://apache.github.io/apisix-helm-chart", Name: "apisix", Version: a.Version, Path: a.Chart,
			Release: "apisix", Namespace: apisixNamespace, Values: Merge(values, a.Values)},
		Ready: []Ready{{Kind: "Deployment", Namespace: apisixNamespace, Name: "apisix"}},
	}
}
