#include "operator/catalogue.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/core/json_walk.h"
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

}  // namespace

Catalogue::Catalogue(kube::Environment env, kube::Client& client)
    : env_(env), client_(client), changed_(env) {
  for (const CatalogueFile& file : catalogue_files())
    entries_.push_back(
        {.file = &file, .resource = &resource_of(file.yaml), .name = line_value(file.yaml, "\n  name: ")});
}

kube::Async<void> Catalogue::apply(const Entry& entry) {
  auto existing = co_await client_.get(*entry.resource, "", entry.name);
  if (existing) {
    CO_TRY(const bool alone, left_alone(*existing));
    if (alone) co_return Result<void>{};
  } else if (existing.error().code != Code::kNotFound) {
    co_return std::unexpected(std::move(existing).error());
  }
  auto applied = co_await client_.apply(*entry.resource, "", entry.name, entry.file->yaml,
                                        {.field_manager = std::string(kManager)});
  if (applied) co_return Result<void>{};
  if (applied.error().code == Code::kConflict) {
    env_.log.warn("catalogue object is edited by somebody else and left as it is",
                  {{"object", entry.name}, {"error", applied.error().message}});
    co_return Result<void>{};
  }
  co_return std::unexpected(std::move(applied).error());
}

boost::asio::awaitable<void> Catalogue::insist(const Entry& entry) {
  for (Millis pause{500};; pause = std::min(pause * 2, Millis{30'000})) {
    const auto applied = co_await apply(entry);
    if (applied || applied.error().code == Code::kCancelled) co_return;
    const bool no_kind = applied.error().code == Code::kNotFound;
    env_.log.warn(no_kind ? "the kinds of stowage.dev are not installed: kubectl apply -f crds/"
                          : "a catalogue object could not be applied",
                  {{"object", entry.file->name}, {"error", applied.error().to_string()}});
    // What the API server calls invalid stays so: the others still help.
    if (applied.error().code == Code::kInvalidArgument) co_return;
    co_await env_.sleep_for(pause);
  }
}

boost::asio::awaitable<void> Catalogue::keep() {
  for (;;) {
    const auto next = std::ranges::find(entries_, true, &Entry::missing);
    if (next == entries_.end()) {
      co_await changed_.wait();
      continue;
    }
    // Before the write: who deletes it while we write is heard.
    next->missing = false;
    co_await insist(*next);
  }
}

void Catalogue::deleted(std::string_view kind, std::string_view name) {
  for (Entry& entry : entries_) {
    if (entry.resource->kind != kind || entry.name != name) continue;
    if (!std::exchange(entry.missing, true))
      env_.log.info(
          "a catalogue object was deleted and is put back; configure catalogue: false to keep your own",
          {{"kind", std::string(kind)}, {"object", std::string(name)}});
    changed_.notify_all();
  }
}

}  // namespace stowage::operator_process
