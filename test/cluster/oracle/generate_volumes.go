package main

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// addVolumes draws storage classes, claims and volumes: mostly bound, some waiting for their first consumer.
func (g *generator) addVolumes() {
	if g.theme.volumes < 10 && !g.percent(10) {
		return
	}
	g.addClasses()
	for i := range 1 + g.below(4) {
		name := fmt.Sprintf("claim-%d", i)
		g.claims = append(g.claims, name)
		switch {
		case g.percent(65):
			g.addBoundClaim(name)
		case g.percent(85):
			g.addWaitingClaim(name)
		}
	}
	for i := range g.below(4) {
		g.addFreeVolume(fmt.Sprintf("free-%d", i))
	}
}

func (g *generator) addClasses() {
	wait, now := storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	local := &storagev1.StorageClass{TypeMeta: typeMeta("storage.k8s.io/v1", "StorageClass"), ObjectMeta: metav1.ObjectMeta{Name: "local"},
		Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &wait}
	fast := &storagev1.StorageClass{TypeMeta: local.TypeMeta, ObjectMeta: metav1.ObjectMeta{Name: "fast"},
		Provisioner: "csi.example.com", VolumeBindingMode: &wait}
	slow := &storagev1.StorageClass{TypeMeta: local.TypeMeta, ObjectMeta: metav1.ObjectMeta{Name: "slow"},
		Provisioner: "csi.example.com", VolumeBindingMode: &now}
	if g.percent(5) {
		slow.VolumeBindingMode = nil
	}
	if g.percent(50) {
		fast.AllowedTopologies = []v1.TopologySelectorTerm{{MatchLabelExpressions: []v1.TopologySelectorLabelRequirement{
			{Key: zoneLabel, Values: []string{pick(g, []string{"z1", "z2"})}},
		}}}
		if g.percent(30) {
			fast.AllowedTopologies = append(fast.AllowedTopologies, v1.TopologySelectorTerm{})
		}
	}
	g.items = append(g.items, local, fast, slow)
}

func (g *generator) claim(name, class string) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{TypeMeta: typeMeta("v1", "PersistentVolumeClaim"),
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: pick(g, []string{"default", "default", "default", "team-a"})}}
	claim.Spec.AccessModes = rwo
	if g.percent(15) {
		claim.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOncePod}
	}
	claim.Spec.Resources.Requests = quantities(map[v1.ResourceName]string{"storage": pick(g, []string{"1Gi", "2Gi", "3Gi"})})
	claim.UID = metav1uid("uid-" + name)
	claim.Spec.StorageClassName = pointer(class)
	switch {
	case g.percent(4):
		claim.Spec.StorageClassName = nil
	case g.percent(5):
		claim.Annotations = map[string]string{"volume.beta.kubernetes.io/storage-class": class}
		claim.Spec.StorageClassName = nil
	}
	if g.percent(6) {
		claim.Spec.VolumeMode = pointer(v1.PersistentVolumeBlock)
	}
	if g.percent(6) {
		claim.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadOnlyMany, v1.ReadWriteOnce}
	}
	if g.percent(3) {
		claim.DeletionTimestamp = pointer(metav1.Unix(1700000000, 0))
	}
	return claim
}

func (g *generator) volume(name, class string) *v1.PersistentVolume {
	volume := &v1.PersistentVolume{TypeMeta: typeMeta("v1", "PersistentVolume"), ObjectMeta: metav1.ObjectMeta{Name: name}}
	volume.Spec.Capacity = quantities(map[v1.ResourceName]string{"storage": pick(g, []string{"1Gi", "2Gi", "5Gi"})})
	volume.Spec.AccessModes = rwo
	if g.percent(10) {
		volume.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce, v1.ReadOnlyMany, v1.ReadWriteMany}
	}
	if g.percent(6) {
		volume.Spec.VolumeMode = pointer(v1.PersistentVolumeBlock)
	}
	volume.Spec.StorageClassName = class
	volume.Spec.PersistentVolumeSource = v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: "csi.example.com", VolumeHandle: name}}
	if g.percent(70) {
		volume.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: g.volumeSelector()}
	}
	if g.percent(25) {
		key := pick(g, []string{zoneLabel, zoneLabel, "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/region"})
		volume.Labels = map[string]string{key: pick(g, []string{"z1", "z2", "z1__z2", "eu", "z1__"})}
	}
	return volume
}

func (g *generator) volumeSelector() *v1.NodeSelector {
	if g.percent(30) {
		return g.nodeSelector()
	}
	key := pick(g, []string{hostLabel, zoneLabel})
	return &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{
		{Key: key, Operator: "In", Values: []string{g.nodeValue(key), g.nodeValue(key)}},
	}}}}
}

func (g *generator) addBoundClaim(name string) {
	g.bind(g.claim(name, pick(g, []string{"local", "fast", "slow", ""})), "vol-"+name)
}

func annotate(claim *v1.PersistentVolumeClaim, key, value string) {
	if claim.Annotations == nil {
		claim.Annotations = map[string]string{}
	}
	claim.Annotations[key] = value
}

// bind adds the claim, bound to a volume of that name.
func (g *generator) bind(claim *v1.PersistentVolumeClaim, volumeName string) {
	claim.Spec.VolumeName = volumeName
	claim.Status.Phase = v1.ClaimBound
	if g.percent(92) {
		annotate(claim, "pv.kubernetes.io/bind-completed", "yes")
	}
	if g.percent(3) {
		claim.Status.Phase = v1.ClaimLost
	}
	g.items = append(g.items, claim)
	if g.percent(5) {
		return // The volume is gone.
	}
	volume := g.volume(claim.Spec.VolumeName, pick(g, []string{"local", "fast", "slow", ""}))
	volume.Spec.ClaimRef = &v1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
	if g.percent(10) {
		volume.Spec.ClaimRef.UID = pick(g, []types.UID{"", "uid-other"})
	}
	volume.Status.Phase = v1.VolumeBound
	g.items = append(g.items, volume)
}

func (g *generator) addWaitingClaim(name string) {
	claim := g.claim(name, pick(g, []string{"local", "local", "fast", "fast", "slow", "missing", ""}))
	claim.Status.Phase = v1.ClaimPending
	if g.percent(15) {
		annotate(claim, "volume.kubernetes.io/selected-node", pick(g, []string{"n0", "n1"}))
	}
	if g.percent(10) {
		claim.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"kind": "disk"}}
	}
	g.items = append(g.items, claim)
}

func (g *generator) addFreeVolume(name string) {
	volume := g.volume(name, pick(g, []string{"local", "local", "fast"}))
	volume.Status.Phase = v1.VolumeAvailable
	if g.percent(10) {
		volume.Status.Phase = v1.VolumeReleased
	}
	if g.percent(20) && len(g.claims) > 0 {
		// At most one volume a claim: of two, kube-scheduler takes either, by the order of a map.
		if name := pick(g, g.claims); !g.reserved[name] {
			g.reserved[name] = true
			volume.Spec.ClaimRef = &v1.ObjectReference{Namespace: "default", Name: name}
			if g.percent(30) {
				volume.Spec.ClaimRef.UID = pick(g, []types.UID{"uid-other", metav1uid("uid-" + name)})
			}
		}
	}
	if g.percent(20) {
		volume.Labels = map[string]string{"kind": "disk"}
	}
	g.items = append(g.items, volume)
}

func (g *generator) addPodVolumes(pod *v1.Pod) {
	names := append([]string{"nowhere"}, g.claims...)
	for range 1 + g.below(2) {
		name := pick(g, names)
		if name == "nowhere" && g.percent(80) && len(g.claims) > 0 {
			name = pick(g, g.claims)
		}
		volume := v1.Volume{Name: fmt.Sprintf("v%d", len(pod.Spec.Volumes))}
		volume.PersistentVolumeClaim = &v1.PersistentVolumeClaimVolumeSource{ClaimName: name}
		pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
	}
	if g.percent(70) {
		pod.Namespace = "default"
	}
	if g.percent(15) {
		g.addEphemeralVolume(pod)
	}
}
