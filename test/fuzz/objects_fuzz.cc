// Objects that any user of a cluster may write, as operator and scheduler read them: the first byte chooses
// the kind, the rest is the object.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "api/core/storage.h"
#include "api/stowage/v1alpha1/model_deployment.h"
#include "api/stowage/v1alpha1/model_runtime.h"
#include "api/stowage/v1alpha1/scheduling_policy.h"
#include "base/check.h"
#include "controllers/model_deployment/desired.h"
#include "gpu-scheduler/gang_contract.h"
#include "gpu-scheduler/policies.h"

namespace {

using namespace stowage;

void pod(std::string_view json) {
  const auto object = api::decode_pod(json);
  if (!object) return;
  for (const auto& [resource, amount] : scheduler::effective_requests(*object).extended)
    STOWAGE_CHECK(amount >= 0, "a request below zero");
  const auto terms = scheduler::read_terms(*object);
  if (!terms) {
    STOWAGE_CHECK(!terms.error().message.empty(), "an error without a sentence");
    return;
  }
  STOWAGE_CHECK(terms->group_size >= 1, "a gang of nobody");
  STOWAGE_CHECK(scheduler::disagreement(*terms, *terms).empty(), "a pod that disagrees with itself");
  (void)scheduler::to_pod_class(*object, terms->wishes);
  (void)scheduler::unit_key(*object);
  (void)scheduler::rank_of(*object);
}

void storage(std::string_view json) {
  (void)api::decode_claim(json);
  (void)api::decode_volume(json);
  (void)api::decode_storage_class(json);
}

void policies(std::string_view json) {
  (void)api::decode_scheduling_policy(json);
  (void)scheduler::decode_pool(json);
  (void)scheduler::decode_pod_group(json);
  (void)scheduler::decode_deployment(json);
  auto object = scheduler::decode_policy(json);
  if (!object) return;
  const scheduler::Policies all({std::make_shared<const scheduler::PolicyObject>(*std::move(object))});
  STOWAGE_CHECK(all.find("default") != nullptr, "the default policy is gone");
}

const api::ModelRuntime& runtime() {
  static const auto out = api::decode_model_runtime(
      R"({"metadata":{"name":"r"},"spec":{"engine":"vLLM","image":"i","command":["serve","{{model.path}}"],
          "args":["--name={{model.servedName}}"],"multiNode":{"leader":{"command":["lead"]},"worker":{"command":["{{leader.address}}"]}}}})");
  STOWAGE_CHECK(out.has_value(), "the runtime of the test");
  return *out;
}

/// Pods come from the revision alone: one that was made can always be read.
void deployment(std::string_view json) {
  (void)api::decode_model_runtime(json);
  const auto object = api::decode_model_deployment(json);
  if (!object) return;
  const auto shape = model_deployment::derive_shape(object->spec);
  if (!shape) return;
  const auto revision = model_deployment::render_revision(*object, runtime(), *shape);
  if (!revision) {
    STOWAGE_CHECK(!revision.error().message.empty(), "an error without a sentence");
    return;
  }
  STOWAGE_CHECK(model_deployment::same_pods(*revision, *revision), "a revision that is not itself");
  STOWAGE_CHECK(model_deployment::pod_object(*object, {}, *revision).has_value(), "a revision without pods");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      return pod(json), 0;
    case 1: {
      if (const auto node = api::decode_node(json)) (void)scheduler::to_node_spec(*node, nullptr);
      return 0;
    }
    case 2:
      return storage(json), 0;
    case 3:
      return policies(json), 0;
    default:
      return deployment(json), 0;
  }
}
