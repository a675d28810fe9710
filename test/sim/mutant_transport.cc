#include <fmt/format.h>

#include <utility>

#include "kube/core/list_pager.h"
#include "test/sim/mutations.h"

namespace stowage::sim {
namespace {

using boost::asio::awaitable;

std::string_view name(kube::WatchType type) {
  switch (type) {
    case kube::WatchType::kAdded:
      return "ADDED";
    case kube::WatchType::kModified:
      return "MODIFIED";
    case kube::WatchType::kDeleted:
      return "DELETED";
    case kube::WatchType::kBookmark:
      return "BOOKMARK";
    case kube::WatchType::kError:
      return "ERROR";
  }
  return "ERROR";
}

/// Reads a stream through the eyes of the bug; what is not a whole frame passes as it is.
class MutantStream final : public kube::BodyStream {
 public:
  MutantStream(std::unique_ptr<kube::BodyStream> inner, Bug& bug, std::string target)
      : inner_(std::move(inner)), bug_(bug), target_(std::move(target)) {}
  [[nodiscard]] int status() const override { return inner_->status(); }
  [[nodiscard]] const kube::Headers& headers() const override { return inner_->headers(); }

  awaitable<Result<std::optional<std::string>>> next() override {
    const bool watch = target_.find("watch=") != std::string::npos;
    for (;;) {
      auto chunk = co_await inner_->next();
      if (!chunk || !*chunk) co_return chunk;
      std::string out = watch ? frames(**chunk) : list(**chunk);
      if (!out.empty()) co_return out;
    }
  }

 private:
  std::string frames(const std::string& chunk) {
    decoder_.feed(chunk);
    std::string out;
    for (;;) {
      const auto frame = decoder_.next();
      if (!frame || !*frame) return out;
      kube::WatchType type = (*frame)->type;
      std::string json((*frame)->object);
      if (!bug_.sees(target_, type, json)) continue;
      out += fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", name(type), json);
    }
  }
  /// Lists come in one piece here.
  std::string list(const std::string& chunk) {
    kube::ListReader reader;
    reader.feed(chunk);
    std::string items;
    for (;;) {
      const auto item = reader.next();
      if (!item) return chunk;
      if (!*item) break;
      kube::WatchType type = kube::WatchType::kAdded;
      std::string json(**item);
      if (bug_.sees(target_, type, json)) items += (items.empty() ? "" : ",") + json;
    }
    const auto meta = reader.finish();
    if (!meta) return chunk;
    return fmt::format(
        R"({{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
        meta->resource_version, meta->continue_token, items);
  }

  std::unique_ptr<kube::BodyStream> inner_;
  Bug& bug_;
  std::string target_;
  kube::WatchDecoder decoder_;
};

class Mutant final : public kube::Transport {
 public:
  Mutant(std::unique_ptr<Bug> bug, kube::Transport& next) : bug_(std::move(bug)), next_(next) {}

  awaitable<Result<kube::HttpResponse>> call(kube::HttpRequest request) override {
    kube::HttpResponse instead;
    if (!bug_->sends(request, instead)) co_return instead;
    auto answer = co_await next_.call(request);
    if (bug_->hears(request, answer)) answer = co_await next_.call(request);
    co_return answer;
  }
  awaitable<Result<std::unique_ptr<kube::BodyStream>>> open(kube::HttpRequest request) override {
    const std::string target = request.target;
    auto stream = co_await next_.open(std::move(request));
    if (!stream || (*stream)->status() != 200) co_return stream;
    co_return std::make_unique<MutantStream>(std::move(*stream), *bug_, target);
  }

 private:
  std::unique_ptr<Bug> bug_;
  kube::Transport& next_;
};

}  // namespace

std::unique_ptr<kube::Transport> make_mutant(const Mutation& mutation, kube::Transport& next,
                                             kube::Environment /*env*/) {
  return std::make_unique<Mutant>(mutation.make(), next);
}

}  // namespace stowage::sim
