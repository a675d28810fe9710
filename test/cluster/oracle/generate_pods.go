package main

import (
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// addPod draws a pod; running pods get a node without asking whether they would fit: clusters are found in any state.
func (g *generator) addPod(name string, running bool) {
	pod := &v1.Pod{TypeMeta: typeMeta("v1", "Pod"), ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: pick(g, namespaces), Labels: g.podLabels(),
	}}
	if g.percent(50) {
		pod.Namespace = "default"
	}
	pod.UID = "uid-" + metav1uid(name)
	g.addContainers(pod)
	g.addConstraints(pod, running)
	if g.percent(g.theme.volumes) {
		g.addPodVolumes(pod)
	}
	for g.percent(g.theme.disks) && len(pod.Spec.Volumes) < 4 {
		g.addDisk(pod)
	}
	if g.percent(g.theme.features) {
		g.addFeatureUse(pod)
	}
	if running {
		if len(g.nodes) == 0 {
			return
		}
		pod.Spec.NodeName = pick(g, g.nodes)
		if g.percent(4) {
			pod.Spec.NodeName = "gone"
		}
		pod.Status.Phase = v1.PodRunning
		if g.percent(3) {
			pod.Status.Phase = pick(g, []v1.PodPhase{v1.PodSucceeded, v1.PodFailed, v1.PodPending})
		}
		if g.percent(15) {
			pod.DeletionTimestamp = pointer(metav1.NewTime(time.Unix(1700000000, 0).UTC()))
			pod.DeletionGracePeriodSeconds = pointer(int64(30))
		}
		if g.percent(8) {
			g.addResize(pod)
		}
	}
	g.addPodNoise(pod, running)
	g.items = append(g.items, pod)
}

func (g *generator) podLabels() map[string]string {
	labels := map[string]string{}
	if g.percent(85) {
		labels["app"] = pick(g, apps)
	}
	if g.percent(50) {
		labels["tier"] = pick(g, []string{"1", "2", "x"})
	}
	if g.percent(50) {
		labels["version"] = pick(g, []string{"v1", "v2"})
	}
	if len(labels) == 0 {
		return nil
	}
	return labels
}

func (g *generator) requests() v1.ResourceList {
	list := map[v1.ResourceName]string{}
	if g.percent(75) {
		list["cpu"] = pick(g, []string{"100m", "250m", "0.5", "1", "0", "1m", "333u", "1500m"})
	}
	if g.percent(65) {
		list["memory"] = pick(g, []string{"128Mi", "512Mi", "1Gi", "100M", "0", "1e8", "1500m", "1.5Gi", "500000500m"})
	}
	if g.percent(8) {
		list["ephemeral-storage"] = pick(g, []string{"1Gi", "512Mi", "2Gi"})
	}
	if g.percent(12) {
		list["nvidia.com/gpu"] = pick(g, []string{"1", "2", "4", "0"})
	}
	if g.percent(3) {
		list["hugepages-2Mi"] = pick(g, []string{"2Mi", "8Mi"})
	}
	if g.percent(3) {
		// An extended resource that most nodes lack, a native prefixed one, and names that the scheduler does not count.
		list[pick(g, []v1.ResourceName{"example.com/foo", "kubernetes.io/batch", "storage", "requests.example.com/foo", "attachable-volumes-x"})] = pick(g, []string{"1", "0"})
	}
	return quantities(list)
}

func (g *generator) container(name string) v1.Container {
	container := v1.Container{Name: name, Image: "i"}
	if g.percent(g.theme.resources + 20) {
		container.Resources.Requests = g.requests()
	}
	if g.percent(g.theme.ports) {
		for range 1 + g.below(2) {
			container.Ports = append(container.Ports, g.port())
		}
	}
	return container
}

func (g *generator) port() v1.ContainerPort {
	return v1.ContainerPort{
		ContainerPort: 80,
		HostPort:      pick(g, []int32{0, 80, 80, 81}),
		HostIP:        pick(g, []string{"", "0.0.0.0", "127.0.0.1", "10.0.0.1", "::"}),
		Protocol:      pick(g, []v1.Protocol{"", v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP}),
	}
}

func (g *generator) addContainers(pod *v1.Pod) {
	spec := &pod.Spec
	for i := range 1 + g.below(2) {
		spec.Containers = append(spec.Containers, g.container([]string{"a", "b"}[i]))
	}
	for g.percent(g.theme.resources) && len(spec.InitContainers) < 3 {
		container := g.container([]string{"ia", "ib", "ic"}[len(spec.InitContainers)])
		if g.percent(50) {
			container.RestartPolicy = pointer(v1.ContainerRestartPolicyAlways)
		} else if g.percent(10) {
			container.RestartPolicy = pointer(pick(g, []v1.ContainerRestartPolicy{v1.ContainerRestartPolicyNever, v1.ContainerRestartPolicyOnFailure}))
		}
		spec.InitContainers = append(spec.InitContainers, container)
	}
	if g.percent(g.theme.resources / 3) {
		spec.Overhead = quantities(map[v1.ResourceName]string{"cpu": pick(g, []string{"250m", "10m"}), "memory": "120Mi"})
	}
	if g.percent(g.theme.resources / 3) {
		spec.Resources = &v1.ResourceRequirements{}
		list := map[v1.ResourceName]string{}
		if g.percent(70) {
			list["cpu"] = pick(g, []string{"1", "300m", "0"})
		}
		if g.percent(50) {
			list["memory"] = pick(g, []string{"512Mi", "1Gi"})
		}
		if g.percent(10) {
			list["hugepages-2Mi"] = "4Mi"
		}
		if g.percent(10) {
			list["nvidia.com/gpu"] = "1" // Not supported at pod level: the scheduler ignores it.
		}
		if g.percent(80) {
			spec.Resources.Requests = quantities(list)
		} else {
			spec.Resources.Limits = quantities(list)
		}
	}
}

// addResize gives a running pod the status of an in-place resize: what is allocated or actual counts when larger.
func (g *generator) addResize(pod *v1.Pod) {
	for _, container := range pod.Spec.Containers {
		status := v1.ContainerStatus{Name: container.Name}
		if g.percent(60) {
			status.AllocatedResources = g.requests()
		}
		if g.percent(60) {
			status.Resources = &v1.ResourceRequirements{Requests: g.requests()}
		}
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, status)
	}
	for _, container := range pod.Spec.InitContainers {
		if g.percent(30) {
			pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses,
				v1.ContainerStatus{Name: container.Name, AllocatedResources: g.requests()})
		}
	}
	if g.percent(30) {
		reason := pick(g, []string{v1.PodReasonInfeasible, v1.PodReasonDeferred})
		pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodResizePending, Status: v1.ConditionTrue, Reason: reason}}
	}
	if g.percent(20) {
		pod.Status.AllocatedResources = g.requests()
	}
	if g.percent(20) {
		pod.Status.Resources = &v1.ResourceRequirements{Requests: g.requests()}
	}
}
