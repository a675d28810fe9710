package main

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// What filters must not care about: a reader that mistakes one of these for something else gives another answer.

func (g *generator) addMetaNoise(meta *metav1.ObjectMeta) {
	if g.percent(10) {
		meta.Annotations = map[string]string{
			"scheduler.alpha.kubernetes.io/node-selector":      "disk=ssd",
			"scheduler.alpha.kubernetes.io/critical-pod":       "",
			"cluster-autoscaler.kubernetes.io/safe-to-evict":   "false",
			"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"nodeName":"n0","tolerations":[{"operator":"Exists"}]}}`,
		}
	}
	if g.percent(10) {
		meta.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "rs", UID: "rs", Controller: pointer(g.percent(50))}}
	}
	if g.percent(5) {
		meta.Finalizers = []string{"example.com/wait"}
	}
	if g.percent(10) {
		meta.CreationTimestamp = metav1.NewTime(time.Unix(1690000000, 0).UTC())
		meta.ResourceVersion, meta.Generation = "18446744073709551615", 7
	}
}

func (g *generator) addPodNoise(pod *v1.Pod, running bool) {
	g.addMetaNoise(&pod.ObjectMeta)
	spec := &pod.Spec
	if g.percent(8) {
		spec.HostNetwork, spec.HostPID = true, g.percent(30)
	}
	if g.percent(15) {
		spec.SchedulerName = pick(g, []string{"default-scheduler", "stowage", "other"})
		spec.Priority, spec.PriorityClassName = pointer(int32(g.below(3)-1)*1000000), pick(g, []string{"", "high", "system-node-critical"})
		spec.PreemptionPolicy = pointer(pick(g, []v1.PreemptionPolicy{v1.PreemptNever, v1.PreemptLowerPriority}))
	}
	if g.percent(10) {
		spec.RestartPolicy = pick(g, []v1.RestartPolicy{v1.RestartPolicyAlways, v1.RestartPolicyNever, v1.RestartPolicyOnFailure})
		spec.TerminationGracePeriodSeconds, spec.ActiveDeadlineSeconds = pointer(int64(0)), pointer(int64(5))
		spec.OS, spec.RuntimeClassName = &v1.PodOS{Name: pick(g, []v1.OSName{v1.Linux, v1.Windows})}, pointer("gvisor")
	}
	if g.percent(5) {
		spec.EphemeralContainers = []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug", Image: "i",
			Ports: []v1.ContainerPort{{ContainerPort: 80, HostPort: 80}}, Resources: v1.ResourceRequirements{Requests: g.requests()}}}}
	}
	if !running && g.percent(5) {
		spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "example.com/gate"}}
	}
	if g.percent(3) {
		spec.ResourceClaims = []v1.PodResourceClaim{{Name: "gpu", ResourceClaimName: pointer("claim")}}
		spec.Containers[0].Resources.Claims = []v1.ResourceClaim{{Name: "gpu"}}
	}
	for i := range spec.Containers {
		g.addContainerNoise(&spec.Containers[i], spec.HostNetwork)
	}
	g.addPreferences(pod)
	g.addVolumeNoise(pod)
	g.addStatusNoise(pod, running)
}

func (g *generator) addContainerNoise(container *v1.Container, hostNetwork bool) {
	if g.percent(10) {
		container.Resources.Limits = g.requests()
	}
	if g.percent(5) {
		// Of a container that is no init container: no sidecar.
		container.RestartPolicy = pointer(pick(g, []v1.ContainerRestartPolicy{v1.ContainerRestartPolicyAlways, v1.ContainerRestartPolicyNever}))
	}
	if g.percent(5) {
		container.Env = []v1.EnvVar{{Name: "CPU", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "requests.cpu", Divisor: resource.MustParse("1m")}}}}
		container.ReadinessProbe = &v1.Probe{ProbeHandler: v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Port: intstr.FromInt32(80), Host: "127.0.0.1"}}}
	}
	if hostNetwork {
		// The API server fills in hostPort here; an object that came another way may lack it.
		port := v1.ContainerPort{ContainerPort: pick(g, []int32{80, 81}), Protocol: v1.ProtocolTCP}
		if g.percent(70) {
			port.HostPort = port.ContainerPort
		}
		container.Ports = append(container.Ports, port)
	}
	if len(container.Ports) > 0 && g.percent(20) {
		container.Ports = append(container.Ports, container.Ports[0])
	}
}

// addPreferences adds what is only scored.
func (g *generator) addPreferences(pod *v1.Pod) {
	if !g.percent(g.theme.selectors / 2) {
		return
	}
	affinity := g.affinity(&pod.Spec)
	weight := pick(g, []int32{1, 100, 50})
	if affinity.NodeAffinity == nil {
		affinity.NodeAffinity = &v1.NodeAffinity{}
	}
	affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []v1.PreferredSchedulingTerm{{Weight: weight, Preference: g.nodeTerm()}}
	if affinity.PodAntiAffinity == nil && g.percent(40) {
		affinity.PodAntiAffinity = &v1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{{Weight: weight, PodAffinityTerm: g.term(pod)}}}
	}
}

func (g *generator) addVolumeNoise(pod *v1.Pod) {
	if !g.percent(8) {
		return
	}
	sources := []v1.VolumeSource{
		{EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory, SizeLimit: pointer(resource.MustParse("64Gi"))}},
		{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "nowhere"}}},
		{Secret: &v1.SecretVolumeSource{SecretName: "nowhere"}},
		{HostPath: &v1.HostPathVolumeSource{Path: "/data"}},
		{NFS: &v1.NFSVolumeSource{Server: "nowhere", Path: "/"}},
		{CSI: &v1.CSIVolumeSource{Driver: "csi.example.com"}},
		{DownwardAPI: &v1.DownwardAPIVolumeSource{}},
	}
	pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: fmt.Sprintf("v%d", len(pod.Spec.Volumes)), VolumeSource: pick(g, sources)})
}

func (g *generator) addStatusNoise(pod *v1.Pod, running bool) {
	status := &pod.Status
	if g.percent(8) {
		status.NominatedNodeName = pick(g, []string{"n0", "n1", "gone"})
	}
	if g.percent(10) {
		status.QOSClass, status.HostIP, status.PodIP = v1.PodQOSGuaranteed, "10.0.0.1", "10.1.0.1"
		status.StartTime = pointer(metav1.NewTime(time.Unix(1690000000, 0).UTC()))
		status.Conditions = append(status.Conditions, v1.PodCondition{Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: "Unschedulable"},
			v1.PodCondition{Type: v1.PodReady, Status: v1.ConditionTrue})
	}
	if len(status.ContainerStatuses) == 0 && g.percent(10) {
		status.ContainerStatuses = []v1.ContainerStatus{
			{Name: "a", Ready: true, RestartCount: 3, State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 1}}},
			{Name: "of-no-container", AllocatedResources: g.requests()},
		}
	}
	if !running && g.percent(4) {
		status.Phase = v1.PodPending
		g.addResize(pod)
	}
}

func (g *generator) addNodeNoise(node *v1.Node) {
	g.addMetaNoise(&node.ObjectMeta)
	if g.percent(15) {
		node.Spec.PodCIDR, node.Spec.ProviderID, node.Spec.DoNotUseExternalID = "10.0.0.0/24", "cloud://"+node.Name, "n9"
		for i := range node.Spec.Taints {
			node.Spec.Taints[i].TimeAdded = pointer(metav1.NewTime(time.Unix(1690000000, 0).UTC()))
		}
	}
	if g.percent(30) {
		node.Status.Capacity = g.allocatable()
	}
	if g.percent(15) {
		node.Status.Conditions = []v1.NodeCondition{
			{Type: v1.NodeReady, Status: pick(g, []v1.ConditionStatus{v1.ConditionTrue, v1.ConditionFalse, v1.ConditionUnknown})},
			{Type: v1.NodeMemoryPressure, Status: v1.ConditionTrue}, {Type: v1.NodeNetworkUnavailable, Status: v1.ConditionTrue},
		}
	}
	if g.percent(10) {
		node.Status.Images = []v1.ContainerImage{{Names: []string{"i"}, SizeBytes: 1 << 40}}
		node.Status.VolumesInUse = []v1.UniqueVolumeName{"kubernetes.io/csi/csi.example.com^vol"}
		node.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "10.0.0.1"}}
		node.Status.NodeInfo = v1.NodeSystemInfo{OperatingSystem: "windows", Architecture: "arm64"}
	}
	if g.percent(2) {
		node.DeletionTimestamp = pointer(metav1.NewTime(time.Unix(1700000000, 0).UTC()))
	}
}

// addEphemeralVolume gives the pod a claim of its own, mostly: one that it does not own must not be used.
func (g *generator) addEphemeralVolume(pod *v1.Pod) {
	volume := v1.Volume{Name: fmt.Sprintf("e%d", len(pod.Spec.Volumes))}
	volume.Ephemeral = &v1.EphemeralVolumeSource{VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{}}
	pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
	if g.percent(15) {
		return // Not created yet.
	}
	claim := g.claim(pod.Name+"-"+volume.Name, pick(g, []string{"local", "fast", "slow"}))
	claim.Namespace = pod.Namespace
	owner := pod.UID
	if g.percent(15) {
		owner = types.UID("uid-other")
	}
	claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: owner, Controller: pointer(true)}}
	if g.percent(60) {
		g.bind(claim, "vol-"+claim.Name)
	} else {
		claim.Status.Phase = v1.ClaimPending
		g.items = append(g.items, claim)
	}
}
