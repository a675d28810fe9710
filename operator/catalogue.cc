#include "operator/catalogue.h"

#include <optional>
#include <string_view>

#include "api/core/json_walk.h"
#include "base/backoff.h"
#include "controllers/model_deployment/reconciler.h"

namespace stowage::operator_process {
namespace {

constexpr std::string_view kManager = "stowage-catalogue";
constexpr std::string_view kManagedAnnotation = "stowage.dev/managed";

// The files are ours: their first lines have this shape.
std::string line_value(std::string_view yaml, std::string_view key) {
  const size_t at = yaml.find(key);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + key.size();
  return std::string(yaml.substr(begin, yaml.find('\n', begin) - begin));
}

const kube::Resource& resource_of(std::string_view yaml) {
  const bool runtime = line_value(yaml, "\nkind: ") == "ModelRuntime";
  return runtime ? model_deployment::kinds::kModelRuntime : model_deployment::kinds::kSchedulingPolicy;
}

Result<bool> left_alone(std::string_view json) {
  api::ObjectMeta meta;
  TRY_VOID(api::read_json(json, [&](api::JsonValue root) {
    root.object([&](std::string_view key, api::JsonValue field) {
      if (key == "metadata") read(field, meta);
    });
  }));
  return meta.annotation(kManagedAnnotation) == "false";
}

kube::Async<void> apply_file(kube::Environment env, kube::Client& client, const CatalogueFile& file) {
  const kube::Resource& resource = resource_of(file.yaml);
  const std::string name = line_value(file.yaml, "\n  name: ");
  auto existing = co_await client.get(resource, "", name);
  if (existing) {
    CO_TRY(const bool alone, left_alone(*existing));
    if (alone) co_return Result<void>{};
  } else if (existing.error().code != Code::kNotFound) {
    co_return std::unexpected(std::move(existing).error());
  }
  auto applied =
      co_await client.apply(resource, "", name, file.yaml, {.field_manager = std::string(kManager)});
  if (applied) co_return Result<void>{};
  if (applied.error().code == Code::kConflict) {
    env.log.warn("catalogue object is edited by somebody else and left as it is",
                 {{"object", name}, {"error", applied.error().message}});
    co_return Result<void>{};
  }
  co_return std::unexpected(std::move(applied).error());
}

}  // namespace

boost::asio::awaitable<void> keep_catalogue(kube::Environment env, kube::Client& client) {
  for (const CatalogueFile& file : catalogue_files()) {
    for (Millis pause{500};; pause = std::min(pause * 2, Millis{30'000})) {
      const auto applied = co_await apply_file(env, client, file);
      if (applied || applied.error().code == Code::kCancelled) break;
      const bool no_kind = applied.error().code == Code::kNotFound;
      env.log.warn(no_kind ? "the kinds of stowage.dev are not installed: kubectl apply -f crds/"
                           : "a catalogue object could not be applied",
                   {{"object", file.name}, {"error", applied.error().to_string()}});
      // What the API server calls invalid stays so: the others still help.
      if (applied.error().code == Code::kInvalidArgument) break;
      co_await env.sleep_for(pause);
    }
  }
}

}  // namespace stowage::operator_process
