package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sort"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// generatedList is a v1 List of typed objects.
type generatedList struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []any  `json:"items"`
}

// generator draws one small cluster. The vocabularies are tiny on purpose: rules must meet objects that they match.
type generator struct {
	random *rand.Rand
	theme  theme
	nodes  []string
	claims []string
	// reserved names the claims that an available volume waits for.
	reserved map[string]bool
	items    []any
}

// theme says how likely each kind of rule is in this cluster, so that some clusters are about one rule and others
// about how rules meet.
type theme struct {
	selectors, taints, resources, ports, affinity, spread, volumes, disks, features int
}

var (
	namespaces = []string{"default", "team-a", "team-b", "ghost"}
	zones      = []string{"z1", "z2", "z3", ""}
	// Not all are integers: Gt and Lt must say no to the others, and to signs and zeros what strconv.ParseInt says.
	numbers   = []string{"8", "4", "0", "007", "x", "", "-1", "+3", "4.0", "99999999999999999999", "9223372036854775807"}
	apps      = []string{"web", "db", "cache", ""}
	hostLabel = "kubernetes.io/hostname"
	zoneLabel = "topology.kubernetes.io/zone"
	nodeKeys  = []string{hostLabel, zoneLabel, "topology.kubernetes.io/region", "rack", "gpus", "disk", "absent"}
	podKeys   = []string{"app", "tier", "version", "absent"}
	rwo       = []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}
)

// generate draws the cluster of a seed, as one line of JSON: the same seed gives the same cluster on every machine.
func generate(seed int64) ([]byte, error) {
	g := &generator{random: rand.New(rand.NewPCG(uint64(seed), 0x5704a6e)), reserved: map[string]bool{}}
	g.theme = g.drawTheme()
	g.addNamespaces()
	g.addNodes()
	g.addVolumes()
	for i := g.below(11); i > 0; i-- {
		g.addPod(fmt.Sprintf("run-%d", i), true)
	}
	for i := 1 + g.below(4); i > 0; i-- {
		g.addPod(fmt.Sprintf("new-%d", i), false)
	}
	if g.percent(50) {
		g.random.Shuffle(len(g.items), func(i, j int) { g.items[i], g.items[j] = g.items[j], g.items[i] })
	}
	line, err := json.Marshal(generatedList{APIVersion: "v1", Kind: "List", Items: g.items})
	if err != nil || g.percent(60) {
		return line, err
	}
	return g.respell(line)
}

func sortedKeys[T any](from map[string]T) []string {
	keys := make([]string, 0, len(from))
	for key := range from {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func (g *generator) below(n int) int { return g.random.IntN(n) }

// percent is true in p of 100 cases.
func (g *generator) percent(p int) bool { return g.below(100) < p }

func pick[T any](g *generator, from []T) T { return from[g.below(len(from))] }

func pointer[T any](value T) *T { return &value }

func (g *generator) drawTheme() theme {
	if g.percent(40) {
		t := theme{5, 5, 10, 5, 5, 5, 3, 2, 1}
		strong := []*int{&t.selectors, &t.taints, &t.resources, &t.ports, &t.affinity, &t.spread, &t.volumes, &t.disks, &t.features}
		*pick(g, strong) = 75
		*pick(g, strong) = 40
		return t
	}
	return theme{15, 12, 25, 10, 18, 18, 8, 6, 4}
}

func (g *generator) addNamespaces() {
	for _, name := range namespaces[:3] {
		if g.percent(10) {
			continue
		}
		object := &v1.Namespace{TypeMeta: typeMeta("v1", "Namespace"), ObjectMeta: metav1.ObjectMeta{Name: name}}
		if g.percent(80) {
			object.Labels = map[string]string{"kubernetes.io/metadata.name": name}
			if g.percent(60) {
				object.Labels["team"] = pick(g, []string{"a", "b", ""})
			}
		}
		g.items = append(g.items, object)
	}
}

func typeMeta(version, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: kind}
}

func (g *generator) addNodes() {
	count := 1 + g.below(6)
	if g.percent(1) {
		count = 0
	}
	for i := range count {
		name := fmt.Sprintf("n%d", i)
		g.nodes = append(g.nodes, name)
		node := &v1.Node{TypeMeta: typeMeta("v1", "Node"), ObjectMeta: metav1.ObjectMeta{Name: name, Labels: g.nodeLabels(name)}}
		node.Spec.Unschedulable = g.percent(g.theme.taints / 3)
		for g.percent(g.theme.taints) && len(node.Spec.Taints) < 3 {
			node.Spec.Taints = append(node.Spec.Taints, g.taint())
		}
		node.Status.Allocatable = g.allocatable()
		g.addDeclaredFeatures(node)
		g.addNodeNoise(node)
		g.items = append(g.items, node)
	}
}

func (g *generator) nodeLabels(name string) map[string]string {
	labels := map[string]string{}
	switch {
	case g.percent(90):
		labels[hostLabel] = name
	case g.percent(50):
		labels[hostLabel] = "n0"
	}
	if g.percent(85) {
		labels[zoneLabel] = pick(g, zones)
	}
	if g.percent(50) {
		labels["topology.kubernetes.io/region"] = pick(g, []string{"eu", "us"})
	}
	if g.percent(10) {
		labels["failure-domain.beta.kubernetes.io/zone"] = pick(g, zones)
	}
	if g.percent(60) {
		labels["rack"] = pick(g, []string{"r1", "r2", "r3", ""})
	}
	if g.percent(70) {
		labels["gpus"] = pick(g, numbers)
	}
	if g.percent(60) {
		labels["disk"] = pick(g, []string{"ssd", "hdd", ""})
	}
	if len(labels) == 0 {
		return nil
	}
	return labels
}

func (g *generator) taint() v1.Taint {
	effects := []v1.TaintEffect{v1.TaintEffectNoSchedule, v1.TaintEffectNoSchedule, v1.TaintEffectPreferNoSchedule, v1.TaintEffectNoExecute}
	return v1.Taint{
		Key:    pick(g, []string{"dedicated", "spot", "node.kubernetes.io/unschedulable", "size"}),
		Value:  pick(g, []string{"", "ml", "web", "5", "07"}),
		Effect: pick(g, effects),
	}
}

func quantities(list map[v1.ResourceName]string) v1.ResourceList {
	parsed := v1.ResourceList{}
	for name, text := range list {
		parsed[name] = resource.MustParse(text)
	}
	return parsed
}

func (g *generator) allocatable() v1.ResourceList {
	list := map[v1.ResourceName]string{
		"cpu":    pick(g, []string{"1", "2", "4", "8", "16", "64", "1500m", "0.5"}),
		"memory": pick(g, []string{"1Gi", "2Gi", "4G", "8Gi", "64Gi", "64Gi", "512Mi", "1500M"}),
		"pods":   pick(g, []string{"110", "110", "110", "110", "110", "3", "2", "1"}),
	}
	if g.percent(85) {
		list["ephemeral-storage"] = pick(g, []string{"10Gi", "100Gi", "1Gi"})
	}
	if g.percent(75) {
		list["nvidia.com/gpu"] = pick(g, []string{"8", "8", "4", "1", "0"})
	}
	if g.percent(20) {
		list["hugepages-2Mi"] = pick(g, []string{"64Mi", "4Mi"})
	}
	if g.percent(10) {
		list["example.com/foo"] = "2"
	}
	if g.percent(3) {
		delete(list, pick(g, []v1.ResourceName{"pods", "cpu", "memory"}))
	}
	if g.percent(3) {
		list[pick(g, []v1.ResourceName{"pods", "cpu", "memory"})] = "0"
	}
	return quantities(list)
}
