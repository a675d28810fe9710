#include "test/support/lease_server.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace stowage::test {
using kube::HttpRequest;
using kube::Method;
using nlohmann::json;

LeaseServer::LeaseServer(kube::Environment env) : transport_(env) {
  transport_.on_call([this](const HttpRequest& request) { return answer(request); });
  transport_.on_open([this](const HttpRequest&) -> std::optional<Result<kube::HttpResponse>> {
    if (down_) return fail(Code::kUnavailable, "connection refused");
    return std::nullopt;
  });
}

std::string LeaseServer::body() const {
  json spec = {{"leaseDurationSeconds", duration_}, {"leaseTransitions", transitions_}};
  if (!holder_.empty()) spec["holderIdentity"] = holder_;
  if (!renewed_.empty()) spec["renewTime"] = renewed_;
  return json{
      {"kind", "Lease"}, {"metadata", {{"resourceVersion", std::to_string(version_)}}}, {"spec", spec}}
      .dump();
}

void LeaseServer::changed() {
  ++version_;
  for (const auto& stream : transport_.streams()) {
    if (stream->is_open() && !down_) stream->push(watch_event("MODIFIED", body()));
  }
}

void LeaseServer::write(std::string holder) {
  holder_ = std::move(holder);
  if (duration_ == 0) duration_ = 15;
  changed();
}

void LeaseServer::annotate() {
  changed();
}

ScriptedTransport::Reply LeaseServer::get() {
  ++gets_;
  if (!exists()) return {.result = status_response(404, "NotFound", "leases not found")};
  return {.result = ok_response(body())};
}

ScriptedTransport::Reply LeaseServer::change(const HttpRequest& request) {
  const json wanted = json::parse(request.body);
  const bool create = request.method == Method::kPost;
  if (create && exists()) return {.result = status_response(409, "AlreadyExists", "exists")};
  if (!create) {
    if (std::exchange(conflict_, false)) changed();
    if (wanted["metadata"].value("resourceVersion", "") != std::to_string(version_)) {
      return {.result = status_response(409, "Conflict", "the object has been modified")};
    }
    ++patches_;
  }
  const json& spec = wanted["spec"];
  if (spec.contains("holderIdentity")) {
    holder_ = spec["holderIdentity"].is_string() ? spec["holderIdentity"].get<std::string>() : "";
  }
  renewed_ = spec.value("renewTime", renewed_);
  duration_ = spec.value("leaseDurationSeconds", duration_);
  transitions_ = spec.value("leaseTransitions", transitions_);
  changed();
  if (std::exchange(lose_reply_, false)) return {.result = fail(Code::kUnavailable, "connection reset")};
  return {.result = ok_response(body()), .after = std::exchange(delay_, Millis{0})};
}

ScriptedTransport::Reply LeaseServer::answer(const HttpRequest& request) {
  if (down_) return {.after = Millis{3'600'000}};
  if (request.target.find("/leases") == std::string::npos) {
    return other_ ? other_(request) : ScriptedTransport::Reply{.result = ok_response("{}")};
  }
  return request.method == Method::kGet ? get() : change(request);
}

}  // namespace stowage::test
