package apisix

import (
	"skidpad.dev/skidpad/lab/plan"
)

const namespace = "ingress-apisix"

// The images of APISIX's chart 2.14.0.
const (
	apisixVersion     = "3.16.0-ubuntu"
	controllerVersion = "2.0.1"
	adcVersion        = "0.24.2"
)

// PlanAddon plans the gateway and its ingress controller. The controller hands the configuration to the gateway itself
// (APISIX's API-driven standalone mode). No second etcd is therefore necessary.
func (a *Addon) PlanAddon(*plan.Builder) plan.Addon {
	gateway, controller := plan.Image{Name: "apisix", Version: apisixVersion}, plan.Image{Name: "apisix-ingress-controller", Version: controllerVersion}
	adc := plan.Image{Name: "apisix-adc", Version: adcVersion}
	picture := func(i plan.Image) map[string]any {
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
			"apisix":       map[string]any{"adminService": map[string]any{"namespace": namespace}},
		},
	}
	return plan.Addon{
		Version: a.Version, Optional: a.Optional, Images: []plan.Image{gateway, controller, adc},
		Chart: &plan.Chart{Repository: "https://apache.github.io/apisix-helm-chart", Name: "apisix", Version: a.Version, Path: a.Chart,
			Release: "apisix", Namespace: namespace, Values: plan.Merge(values, a.Values)},
		Ready: []plan.Ready{{Kind: "Deployment", Namespace: namespace, Name: "apisix"}},
	}
}
