package main

import (
	"context"
	"fmt"
	"sort"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	schedulercache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// answer is one line of output: where a pending pod may run.
type answer struct {
	File     string   `json:"file"`
	Pod      string   `json:"pod"`
	Feasible []string `json:"feasible"`
}

// judge is kube-scheduler's default profile without DynamicResources and NodeVolumeLimits. The framework is built
// once; each cluster replaces the listers' content and the snapshot, because building it costs more than asking it.
type judge struct {
	framework framework.Framework
	factory   informers.SharedInformerFactory
	current   *currentSnapshot
}

// currentSnapshot is the lister that plugins keep; it forwards to the snapshot of the cluster at hand.
type currentSnapshot struct {
	fwk.SharedLister
}

func newJudge(ctx context.Context) (*judge, error) {
	metrics.Register()
	configuration, err := latest.Default()
	if err != nil {
		return nil, fmt.Errorf("default scheduler configuration: %w", err)
	}
	profile := configuration.Profiles[0]
	profile.Plugins.MultiPoint.Enabled = without(profile.Plugins.MultiPoint.Enabled, names.DynamicResources, names.NodeVolumeLimits)

	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	current := &currentSnapshot{SharedLister: schedulercache.NewEmptySnapshot()}
	built, err := runtime.NewFramework(ctx, plugins.NewInTreeRegistry(), &profile,
		runtime.WithClientSet(client),
		runtime.WithInformerFactory(factory),
		runtime.WithSnapshotSharedLister(current),
		runtime.WithParallelism(1),
		runtime.WithLogger(klog.Background()))
	if err != nil {
		return nil, fmt.Errorf("scheduler framework: %w", err)
	}
	return &judge{framework: built, factory: factory, current: current}, nil
}

func without(enabled []config.Plugin, unwanted ...string) []config.Plugin {
	var kept []config.Plugin
next:
	for _, plugin := range enabled {
		for _, name := range unwanted {
			if plugin.Name == name {
				continue next
			}
		}
		kept = append(kept, plugin)
	}
	return kept
}

func replace[T any](indexer cache.Indexer, objects []*T) error {
	list := make([]any, 0, len(objects))
	for _, object := range objects {
		list = append(list, object)
	}
	return indexer.Replace(list, "")
}

// load makes `cluster` the one that questions are about.
func (j *judge) load(cluster *cluster) error {
	core := j.factory.Core().V1()
	steps := []error{
		replace(core.Namespaces().Informer().GetIndexer(), cluster.namespaces),
		replace(core.PersistentVolumes().Informer().GetIndexer(), cluster.volumes),
		replace(core.PersistentVolumeClaims().Informer().GetIndexer(), cluster.claims),
		replace(j.factory.Storage().V1().StorageClasses().Informer().GetIndexer(), cluster.classes),
	}
	for _, err := range steps {
		if err != nil {
			return err
		}
	}
	j.current.SharedLister = schedulercache.NewSnapshot(cluster.running(), cluster.nodes)
	return nil
}

// feasible runs PreFilter and Filter as the scheduling cycle does. An error status means that no node is offered,
// as in the scheduler, which retries later.
func (j *judge) feasible(ctx context.Context, pod *v1.Pod) ([]string, error) {
	found := []string{}
	state := framework.NewCycleState()
	allowed, status, _ := j.framework.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		return found, nil
	}
	infos, err := j.current.NodeInfos().List()
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		name := info.Node().Name
		if !allowed.AllNodes() && !allowed.NodeNames.Has(name) {
			continue
		}
		status := j.framework.RunFilterPlugins(ctx, state, pod, info)
		if status.IsSuccess() {
			found = append(found, name)
		} else if !status.IsRejected() {
			return []string{}, nil
		}
	}
	sort.Strings(found)
	return found, nil
}

// answers judges every pending pod of the cluster, each alone, in the order of the input.
func (j *judge) answers(ctx context.Context, file string, cluster *cluster) ([]answer, error) {
	if err := j.load(cluster); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []answer
	for _, pod := range cluster.pending() {
		names, err := j.feasible(ctx, pod)
		if err != nil {
			return nil, fmt.Errorf("%s: pod %s/%s: %w", file, pod.Namespace, pod.Name, err)
		}
		all = append(all, answer{File: file, Pod: pod.Namespace + "/" + pod.Name, Feasible: names})
	}
	return all, nil
}
