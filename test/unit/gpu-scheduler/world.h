#pragma once

#include <memory>
#include <string>
#include <utility>

#include "gpu-scheduler/cluster_cache.h"

/// Builders for the objects that the scheduler's tests are made of.
namespace stowage::test {

struct NodeBuilder {
  api::Node node;
  explicit NodeBuilder(std::string name) {
    node.meta.name = name;
    node.meta.uid = "uid-" + name;
    node.meta.labels["kubernetes.io/hostname"] = name;
    node.allocatable = {{"cpu", 64'000}, {"memory", int64_t{1} << 40}, {"pods", 110}};
    node.ready = true;
  }
  NodeBuilder& gpus(int64_t count, std::string product = "H100") {
    node.allocatable["nvidia.com/gpu"] = count;
    return label("nvidia.com/gpu.product", std::move(product)).label("nvidia.com/gpu.memory", "81559");
  }
  NodeBuilder& label(std::string key, std::string value) {
    node.meta.labels[std::move(key)] = std::move(value);
    return *this;
  }
  NodeBuilder& uid(std::string value) {
    node.meta.uid = std::move(value);
    return *this;
  }
  [[nodiscard]] scheduler::NodeRef ref() const { return std::make_shared<const api::Node>(node); }
};

inline NodeBuilder make_node(std::string name) {
  return NodeBuilder(std::move(name));
}

struct PodBuilder {
  api::Pod pod;
  explicit PodBuilder(std::string name) {
    pod.meta.ns = "ns";
    pod.meta.name = name;
    pod.meta.uid = "uid-" + name;
    pod.meta.resource_version = "1";
    pod.spec.scheduler_name = "stowage";
    pod.spec.containers.emplace_back();
    pod.status.phase = "Pending";
  }
  PodBuilder& gpus(int64_t count) {
    pod.spec.containers[0].requests["nvidia.com/gpu"] = count;
    return *this;
  }
  PodBuilder& group(std::string name, int size) {
    return note("stowage.dev/group", std::move(name)).note("stowage.dev/group-size", std::to_string(size));
  }
  PodBuilder& note(std::string key, std::string value) {
    pod.meta.annotations[std::move(key)] = std::move(value);
    return *this;
  }
  PodBuilder& label(std::string key, std::string value) {
    pod.meta.labels[std::move(key)] = std::move(value);
    return *this;
  }
  PodBuilder& owner(std::string name, std::string uid) {
    pod.meta.owners.push_back(
        {"stowage.dev/v1alpha1", "ModelDeployment", std::move(name), std::move(uid), true});
    return *this;
  }
  PodBuilder& priority(int32_t value) {
    pod.spec.priority = value;
    return *this;
  }
  PodBuilder& on(std::string node) {
    pod.spec.node_name = std::move(node);
    return version("2");
  }
  PodBuilder& foreign() {
    pod.spec.scheduler_name = "default-scheduler";
    return *this;
  }
  PodBuilder& phase(std::string value) {
    pod.status.phase = std::move(value);
    return *this;
  }
  PodBuilder& deleting() {
    pod.meta.deleted = WallTime{};
    return version("3");
  }
  PodBuilder& version(std::string value) {
    pod.meta.resource_version = std::move(value);
    return *this;
  }
  [[nodiscard]] scheduler::PodRef ref() const { return std::make_shared<const api::Pod>(pod); }
};

inline PodBuilder make_pod(std::string name) {
  return PodBuilder(std::move(name));
}

}  // namespace stowage::test
