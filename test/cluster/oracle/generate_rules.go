package main

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func metav1uid(name string) types.UID { return types.UID(name) }

func (g *generator) addConstraints(pod *v1.Pod, running bool) {
	spec := &pod.Spec
	if !running {
		if g.percent(g.theme.selectors / 2) {
			key := pick(g, nodeKeys)
			spec.NodeSelector = map[string]string{key: g.nodeValue(key)}
			if key = pick(g, nodeKeys); g.percent(20) {
				spec.NodeSelector[key] = g.nodeValue(key)
			}
		}
		if g.percent(g.theme.selectors) {
			g.affinity(spec).NodeAffinity = &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: g.nodeSelector()}
		}
		for g.percent(g.theme.taints*2) && len(spec.Tolerations) < 4 {
			spec.Tolerations = append(spec.Tolerations, g.toleration())
		}
		for g.percent(g.theme.spread) && len(spec.TopologySpreadConstraints) < 3 {
			spec.TopologySpreadConstraints = append(spec.TopologySpreadConstraints, g.spread())
		}
	}
	if g.percent(g.theme.affinity / 2) {
		g.affinity(spec).PodAffinity = &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: g.terms(pod)}
	}
	if g.percent(g.theme.affinity / 2) {
		g.affinity(spec).PodAntiAffinity = &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: g.terms(pod)}
	}
	if g.percent(g.theme.affinity / 6) {
		preferred := v1.WeightedPodAffinityTerm{Weight: 5, PodAffinityTerm: g.term(pod)}
		g.affinity(spec).PodAffinity = &v1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{preferred}}
	}
}

func (g *generator) affinity(spec *v1.PodSpec) *v1.Affinity {
	if spec.Affinity == nil {
		spec.Affinity = &v1.Affinity{}
	}
	return spec.Affinity
}

func (g *generator) nodeValue(key string) string {
	switch key {
	case hostLabel:
		return pick(g, []string{"n0", "n1", "n2", "n9"})
	case zoneLabel:
		return pick(g, zones)
	case "topology.kubernetes.io/region":
		return pick(g, []string{"eu", "us"})
	case "rack":
		return pick(g, []string{"r1", "r2", "r3", ""})
	case "gpus":
		return pick(g, numbers)
	case "disk":
		return pick(g, []string{"ssd", "hdd", ""})
	}
	return "x"
}

func (g *generator) nodeSelector() *v1.NodeSelector {
	selector := &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{}}
	for range 1 + g.below(2) {
		selector.NodeSelectorTerms = append(selector.NodeSelectorTerms, g.nodeTerm())
	}
	if g.percent(2) {
		selector.NodeSelectorTerms = nil
	}
	return selector
}

func (g *generator) nodeTerm() v1.NodeSelectorTerm {
	var term v1.NodeSelectorTerm
	if g.percent(3) {
		return term // Empty: matches nothing.
	}
	if g.percent(85) {
		for range 1 + g.below(2) {
			term.MatchExpressions = append(term.MatchExpressions, g.nodeRequirement())
		}
	}
	if g.percent(25) || len(term.MatchExpressions) == 0 {
		term.MatchFields = append(term.MatchFields, g.fieldRequirement())
		if g.percent(15) {
			term.MatchFields = append(term.MatchFields, g.fieldRequirement())
		}
	}
	return term
}

func (g *generator) nodeRequirement() v1.NodeSelectorRequirement {
	requirement := v1.NodeSelectorRequirement{Key: pick(g, nodeKeys)}
	requirement.Operator = pick(g, []v1.NodeSelectorOperator{"In", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"})
	switch requirement.Operator {
	case "In", "NotIn":
		for range 1 + g.below(2) {
			requirement.Values = append(requirement.Values, g.nodeValue(requirement.Key))
		}
	case "Gt", "Lt":
		requirement.Key = "gpus"
		requirement.Values = []string{pick(g, []string{"4", "0", "5", "5", "x", "", "-2", "007", "+1"})}
	}
	g.spoilNode(&requirement)
	return requirement
}

// spoilNode makes what the API server would refuse, but what old objects may hold.
func (g *generator) spoilNode(requirement *v1.NodeSelectorRequirement) {
	if !g.percent(4) {
		return
	}
	switch g.below(4) {
	case 0:
		requirement.Values = nil
	case 1:
		requirement.Values = append(requirement.Values, "5")
	case 2:
		requirement.Operator = pick(g, []v1.NodeSelectorOperator{"", "in", "Equals"})
	case 3:
		requirement.Key = pick(g, []string{"", "-bad", "a/b/c", "ok.io/ok"})
	}
}

func (g *generator) fieldRequirement() v1.NodeSelectorRequirement {
	requirement := v1.NodeSelectorRequirement{Key: "metadata.name", Operator: "In", Values: []string{pick(g, []string{"n0", "n1", "n2", "n9"})}}
	if g.percent(25) {
		requirement.Operator = "NotIn"
	}
	if g.percent(5) {
		requirement.Values = append(requirement.Values, "n1")
	}
	if g.percent(3) {
		requirement.Operator = pick(g, []v1.NodeSelectorOperator{"Exists", "Gt"})
	}
	if g.percent(3) {
		requirement.Key = "metadata.namespace"
	}
	if g.percent(3) {
		requirement.Values = []string{""}
	}
	return requirement
}

func (g *generator) toleration() v1.Toleration {
	toleration := v1.Toleration{
		Key:      pick(g, []string{"dedicated", "spot", "node.kubernetes.io/unschedulable", "size", ""}),
		Operator: pick(g, []v1.TolerationOperator{"", "Equal", "Equal", "Exists", "Exists", "Lt", "Gt"}),
		Value:    pick(g, []string{"", "ml", "web", "5", "07"}),
		Effect:   pick(g, []v1.TaintEffect{"", "NoSchedule", "NoSchedule", "PreferNoSchedule", "NoExecute"}),
	}
	if toleration.Operator == "Exists" && g.percent(90) {
		toleration.Value = ""
	}
	if g.percent(2) {
		toleration.Operator = "Is"
	}
	if g.percent(15) {
		toleration.TolerationSeconds = pointer(int64(g.below(3)) - 1)
	}
	return toleration
}

func (g *generator) podValue(key string) string {
	switch key {
	case "app":
		return pick(g, apps)
	case "tier":
		return pick(g, []string{"1", "2", "x"})
	case "version":
		return pick(g, []string{"v1", "v2"})
	case "team":
		return pick(g, []string{"a", "b", ""})
	case "kubernetes.io/metadata.name":
		return pick(g, namespaces)
	}
	return "x"
}

// selector draws a label selector over `keys`: sometimes nil (nothing) or empty (everything).
func (g *generator) selector(keys []string) *metav1.LabelSelector {
	if g.percent(4) {
		return nil
	}
	selector := &metav1.LabelSelector{}
	if g.percent(6) {
		return selector
	}
	if g.percent(60) {
		key := pick(g, keys)
		selector.MatchLabels = map[string]string{key: g.podValue(key)}
	}
	if g.percent(45) || selector.MatchLabels == nil {
		key := pick(g, keys)
		requirement := metav1.LabelSelectorRequirement{Key: key}
		requirement.Operator = pick(g, []metav1.LabelSelectorOperator{"In", "In", "NotIn", "Exists", "DoesNotExist"})
		if requirement.Operator == "In" || requirement.Operator == "NotIn" {
			for range 1 + g.below(2) {
				requirement.Values = append(requirement.Values, g.podValue(key))
			}
		}
		if g.percent(1) {
			requirement.Values = nil
		}
		if g.percent(1) {
			requirement.Operator = "Gt"
		}
		selector.MatchExpressions = append(selector.MatchExpressions, requirement)
	}
	return selector
}

func (g *generator) terms(pod *v1.Pod) []v1.PodAffinityTerm {
	terms := []v1.PodAffinityTerm{g.term(pod)}
	if g.percent(25) {
		terms = append(terms, g.term(pod))
	}
	return terms
}

func (g *generator) term(pod *v1.Pod) v1.PodAffinityTerm {
	term := v1.PodAffinityTerm{
		LabelSelector: g.selector(podKeys),
		TopologyKey:   pick(g, []string{hostLabel, hostLabel, zoneLabel, zoneLabel, "rack", "topology.kubernetes.io/region", "absent"}),
	}
	if g.percent(25) {
		for range 1 + g.below(2) {
			term.Namespaces = append(term.Namespaces, pick(g, namespaces))
		}
	}
	if g.percent(25) {
		term.NamespaceSelector = g.selector([]string{"team", "kubernetes.io/metadata.name", "absent"})
	}
	if g.percent(15) {
		term.MatchLabelKeys = []string{pick(g, podKeys)}
		g.merge(term.LabelSelector, pod, term.MatchLabelKeys, metav1.LabelSelectorOpIn)
	}
	if g.percent(10) {
		term.MismatchLabelKeys = []string{pick(g, podKeys)}
		g.merge(term.LabelSelector, pod, term.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
	}
	return term
}

// merge does mostly what the API server does on creation (the scheduler relies on it); the rest are raw objects.
func (g *generator) merge(selector *metav1.LabelSelector, pod *v1.Pod, keys []string, operator metav1.LabelSelectorOperator) {
	if selector == nil || g.percent(25) {
		return
	}
	for _, key := range keys {
		if value, ok := pod.Labels[key]; ok {
			selector.MatchExpressions = append(selector.MatchExpressions,
				metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: []string{value}})
		}
	}
}

func (g *generator) spread() v1.TopologySpreadConstraint {
	constraint := v1.TopologySpreadConstraint{
		MaxSkew:           1 + int32(g.below(2)),
		TopologyKey:       pick(g, []string{hostLabel, zoneLabel, zoneLabel, "rack", "absent", "topology.kubernetes.io/region"}),
		WhenUnsatisfiable: pick(g, []v1.UnsatisfiableConstraintAction{v1.DoNotSchedule, v1.DoNotSchedule, v1.DoNotSchedule, v1.ScheduleAnyway}),
		LabelSelector:     g.selector(podKeys),
	}
	if constraint.TopologyKey == "absent" && g.percent(70) {
		constraint.TopologyKey = zoneLabel
	}
	if g.percent(30) {
		constraint.MinDomains = pointer(int32(1 + g.below(4)))
	}
	policies := []v1.NodeInclusionPolicy{v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore}
	if g.percent(40) {
		constraint.NodeAffinityPolicy = pointer(pick(g, policies))
	}
	if g.percent(40) {
		constraint.NodeTaintsPolicy = pointer(pick(g, policies))
	}
	if g.percent(25) {
		constraint.MatchLabelKeys = []string{pick(g, podKeys)}
		if g.percent(30) {
			constraint.MatchLabelKeys = append(constraint.MatchLabelKeys, pick(g, podKeys))
		}
	}
	return constraint
}
