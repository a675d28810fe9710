package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// The same objects as other programs write them: quantities in other words, absent fields as null or empty, fields
// that a newer version may have. Typed objects are always written in one way.

// respell writes the cluster anew; the meaning stays.
func (g *generator) respell(line []byte) ([]byte, error) {
	var tree map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(line)))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	items, _ := tree["items"].([]any)
	for _, item := range items {
		g.respellObject(item.(map[string]any))
	}
	return json.Marshal(tree)
}

var amounts = map[string]bool{"requests": true, "limits": true, "allocatable": true, "capacity": true, "overhead": true, "allocatedResources": true}

func (g *generator) respellObject(object map[string]any) {
	g.respellAmounts(object)
	if g.percent(5) {
		object["futureField"] = map[string]any{"nodeName": "n0", "requests": []any{1, "x", nil}}
	}
	metadata := object["metadata"].(map[string]any)
	g.empty(metadata, "labels", "annotations", "ownerReferences", "finalizers")
	spec, _ := object["spec"].(map[string]any)
	switch object["kind"] {
	case "Pod":
		g.respellPod(spec)
		if status, ok := object["status"].(map[string]any); ok {
			g.empty(status, "conditions", "containerStatuses", "initContainerStatuses", "podIPs")
		}
	case "Node":
		if spec != nil {
			g.empty(spec, "taints", "podCIDRs")
		}
	}
}

var mappings = map[string]bool{"labels": true, "annotations": true, "matchLabels": true, "affinity": true, "nodeSelector": true,
	"overhead": true, "resources": true, "nodeAffinity": true, "podAffinity": true, "podAntiAffinity": true}

// empty writes some absent lists and maps as null, or empty.
func (g *generator) empty(object map[string]any, keys ...string) {
	for _, key := range keys {
		if _, present := object[key]; present || !g.percent(10) {
			continue
		}
		switch {
		case g.percent(60):
			object[key] = nil
		case mappings[key]:
			object[key] = map[string]any{}
		default:
			object[key] = []any{}
		}
	}
}

func (g *generator) respellPod(spec map[string]any) {
	g.empty(spec, "affinity", "nodeSelector", "overhead", "resources")
	g.empty(spec, "tolerations", "topologySpreadConstraints", "initContainers", "schedulingGates", "volumes", "imagePullSecrets")
	for _, list := range []string{"containers", "initContainers"} {
		containers, _ := spec[list].([]any)
		for _, container := range containers {
			g.empty(container.(map[string]any), "ports", "env", "volumeMounts")
		}
	}
	affinity, _ := spec["affinity"].(map[string]any)
	if affinity == nil {
		return
	}
	g.empty(affinity, "nodeAffinity", "podAffinity", "podAntiAffinity")
	for _, key := range []string{"podAffinity", "podAntiAffinity"} {
		pods, _ := affinity[key].(map[string]any)
		if pods == nil {
			continue
		}
		terms, _ := pods["requiredDuringSchedulingIgnoredDuringExecution"].([]any)
		for _, term := range terms {
			g.empty(term.(map[string]any), "namespaces", "matchLabelKeys", "mismatchLabelKeys")
			g.nullSelectors(term.(map[string]any))
		}
	}
}

// nullSelectors writes absent selectors as null: that is no empty selector.
func (g *generator) nullSelectors(term map[string]any) {
	for _, key := range []string{"labelSelector", "namespaceSelector"} {
		if selector, present := term[key].(map[string]any); present {
			g.empty(selector, "matchLabels", "matchExpressions")
		} else if g.percent(50) {
			term[key] = nil
		}
	}
}

func (g *generator) respellAmounts(value any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			g.respellAmounts(element)
		}
	case map[string]any:
		for _, key := range sortedKeys(value) {
			list, isMap := value[key].(map[string]any)
			if !amounts[key] || !isMap {
				g.respellAmounts(value[key])
				continue
			}
			for _, name := range sortedKeys(list) {
				if text, isText := list[name].(string); isText {
					list[name] = g.respellQuantity(text)
				}
			}
		}
	}
}

// respellQuantity gives another spelling of the same amount, as text or as a JSON number.
func (g *generator) respellQuantity(text string) any {
	if !g.percent(50) {
		return text
	}
	amount := resource.MustParse(text)
	candidates := []string{"+" + text, "00" + text, text + "e0", text + "E0", text + "e+00", strconv.FormatInt(amount.MilliValue(), 10) + "m",
		strconv.FormatInt(amount.Value(), 10), amount.AsDec().String(), strings.TrimPrefix(amount.AsDec().String(), "0"), amount.AsDec().String() + "0"}
	if end := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' }); end > 0 {
		candidates = append(candidates, text[:end]+".0"+text[end:], text[:end]+"."+text[end:])
	}
	spelled := pick(g, candidates)
	if parsed, err := resource.ParseQuantity(spelled); err != nil || parsed.Cmp(resource.MustParse(text)) != 0 {
		return text
	}
	if json.Valid([]byte(spelled)) && g.percent(60) {
		return json.Number(spelled)
	}
	return spelled
}
