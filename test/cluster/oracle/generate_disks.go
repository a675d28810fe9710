package main

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
)

// Disks that pods name themselves (VolumeRestrictions), and features that nodes declare and pods use
// (NodeDeclaredFeatures).

// addDisk draws a disk of few names, so that pods meet.
func (g *generator) addDisk(pod *v1.Pod) {
	name := pick(g, []string{"disk-a", "disk-a", "disk-b", ""})
	volume := v1.Volume{Name: fmt.Sprintf("d%d", len(pod.Spec.Volumes))}
	readOnly := g.percent(40)
	switch g.below(4) {
	case 0:
		volume.GCEPersistentDisk = &v1.GCEPersistentDiskVolumeSource{PDName: name, ReadOnly: readOnly}
	case 1:
		volume.AWSElasticBlockStore = &v1.AWSElasticBlockStoreVolumeSource{VolumeID: name, ReadOnly: readOnly}
	case 2:
		volume.ISCSI = &v1.ISCSIVolumeSource{TargetPortal: "10.0.0.1", IQN: name, ReadOnly: readOnly}
	case 3:
		monitors := pick(g, [][]string{{"m1"}, {"m2"}, {"m1", "m2"}, {"m3", "m1"}, {}, nil})
		volume.RBD = &v1.RBDVolumeSource{CephMonitors: monitors, RBDImage: name, RBDPool: pick(g, []string{"rbd", "rbd", "other", ""}), ReadOnly: readOnly}
	}
	pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
}

var declarable = []string{"RestartAllContainersOnContainerExits", "UserNamespacesHostNetworkSupport", "VolumeBindMountOptions",
	"InPlacePodLevelResourcesVerticalScaling", "NobodyKnowsThis"}

func (g *generator) addDeclaredFeatures(node *v1.Node) {
	for _, name := range declarable {
		if g.percent(40) {
			node.Status.DeclaredFeatures = append(node.Status.DeclaredFeatures, name)
		}
	}
}

// addFeatureUse makes the pod need a feature, or nearly so.
func (g *generator) addFeatureUse(pod *v1.Pod) {
	containers := pod.Spec.Containers
	if len(pod.Spec.InitContainers) > 0 && g.percent(40) {
		containers = pod.Spec.InitContainers
	}
	if len(containers) == 0 {
		return
	}
	container := &containers[g.below(len(containers))]
	switch g.below(3) {
	case 0:
		pod.Spec.HostNetwork = g.percent(70)
		pod.Spec.HostUsers = pick(g, []*bool{pointer(false), pointer(false), pointer(true), nil})
	case 1:
		action := pick(g, []v1.ContainerRestartRuleAction{v1.ContainerRestartRuleActionRestartAllContainers, v1.ContainerRestartRuleActionRestart})
		container.RestartPolicyRules = append(container.RestartPolicyRules, v1.ContainerRestartRule{Action: action})
	case 2:
		options := pick(g, [][]string{{"noexec"}, {"noexec", "nodev"}, {}, nil})
		container.VolumeMounts = append(container.VolumeMounts, v1.VolumeMount{Name: "v0", MountPath: "/data", BindMountOptions: options})
	}
}
