package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	kjson "sigs.k8s.io/json"
)

// cluster is what one v1 List holds.
type cluster struct {
	nodes      []*v1.Node
	pods       []*v1.Pod
	namespaces []*v1.Namespace
	volumes    []*v1.PersistentVolume
	claims     []*v1.PersistentVolumeClaim
	classes    []*storagev1.StorageClass
}

// pending returns the pods without a node, in input order.
func (c *cluster) pending() []*v1.Pod {
	var found []*v1.Pod
	for _, pod := range c.pods {
		if pod.Spec.NodeName == "" {
			found = append(found, pod)
		}
	}
	return found
}

// running returns the pods that hold room on a node of the cluster: as in the scheduler's informers, finished pods
// and pods of unknown nodes do not count.
func (c *cluster) running() []*v1.Pod {
	known := map[string]bool{}
	for _, node := range c.nodes {
		known[node.Name] = true
	}
	var found []*v1.Pod
	for _, pod := range c.pods {
		if known[pod.Spec.NodeName] && pod.Status.Phase != v1.PodSucceeded && pod.Status.Phase != v1.PodFailed {
			found = append(found, pod)
		}
	}
	return found
}

func (c *cluster) add(kind string, raw json.RawMessage) error {
	switch kind {
	case "Node":
		return decode(raw, &c.nodes)
	case "Pod":
		return decode(raw, &c.pods)
	case "Namespace":
		return decode(raw, &c.namespaces)
	case "PersistentVolume":
		return decode(raw, &c.volumes)
	case "PersistentVolumeClaim":
		return decode(raw, &c.claims)
	case "StorageClass":
		return decode(raw, &c.classes)
	}
	return nil
}

// decode reads one object as the API machinery does (case-sensitive) and appends it.
func decode[T any](raw json.RawMessage, list *[]*T) error {
	object := new(T)
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, object); err != nil {
		return err
	}
	*list = append(*list, object)
	return nil
}

type rawList struct {
	Kind  string            `json:"kind"`
	Items []json.RawMessage `json:"items"`
}

// addList reads a v1 List, or a NodeList, PodList, ... whose items carry no kind.
func (c *cluster) addList(list rawList) error {
	for position, raw := range list.Items {
		var head struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return fmt.Errorf("item %d: %w", position, err)
		}
		kind := head.Kind
		if kind == "" {
			kind = strings.TrimSuffix(list.Kind, "List")
		}
		if err := c.add(kind, raw); err != nil {
			return fmt.Errorf("item %d (%s): %w", position, kind, err)
		}
	}
	return nil
}

// eachCluster calls `use` for every JSON document of a file. The name is the file's, with "#n" (from 1) when the file
// holds several documents (one a line, for example).
func eachCluster(path string, use func(name string, cluster *cluster) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	for number := 1; ; number++ {
		var list rawList
		if err := decoder.Decode(&list); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: document %d: %w", path, number, err)
		}
		cluster := &cluster{}
		if err := cluster.addList(list); err != nil {
			return fmt.Errorf("%s: document %d: %w", path, number, err)
		}
		name := path
		if number > 1 || decoder.More() {
			name = fmt.Sprintf("%s#%d", path, number)
		}
		if err := use(name, cluster); err != nil {
			return err
		}
	}
}
