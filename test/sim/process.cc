#include "test/sim/process.h"

#include "base/check.h"

namespace stowage::sim {
namespace {

kube::Environment own(test::VirtualWorld& world, Random& random, Logger& log) {
  kube::Environment shared = world.env();
  return {shared.executor, shared.clock, shared.timers, random, log};
}

}  // namespace

SimProcess::SimProcess(test::VirtualWorld& world, sandbox::Server& server, const Role& role, std::string name,
                       FaultPlan& plan, Checker& checker, uint64_t seed)
    : world_(world),
      name_(std::move(name)),
      plan_(plan),
      checker_(checker),
      random_(seed),
      transport_(own(world, random_, log_), server, "stowage-" + role.name, this) {
  kube::LifeOptions options{.name = "stowage-" + role.name,
                            .user_agent = "stowage-" + role.name + "/sim",
                            .lease = {.ns = "stowage-system",
                                      .name = "stowage-" + role.name,
                                      .identity = name_,
                                      .lease = role.lease,
                                      .renew = role.renew,
                                      .retry = role.retry}};
  life_ = std::make_unique<kube::ProcessLife>(own(world, random_, log_), transport_, std::move(options));
  const std::string text = "apiVersion: config.stowage.dev/v1alpha1\nkind: " + role.config_kind + "\n";
  auto config = kube::ConfigFile::parse(text, "sim", role.config_kind);
  STOWAGE_CHECK(config.has_value(), "the empty configuration is valid");
  config_ = *std::move(config);
  auto component = role.make(life_->context(metrics_, config_->root()));
  STOWAGE_CHECK(component.has_value(), "the component can be built");
  component_ = *std::move(component);
}

SimProcess::~SimProcess() = default;

void SimProcess::start() {
  world_.spawn(live());
}

boost::asio::awaitable<void> SimProcess::live() {
  exit_code_ = co_await life_->run(*component_);
}

void SimProcess::kill() {
  dead_ = true;
  life_->stop();
}

sandbox::CallFate SimProcess::on_call(const kube::HttpRequest& request) {
  if (dead_) return {.kind = sandbox::CallFate::Kind::kSwallowed};
  const MonoTime now = world_.clock().now();
  sandbox::CallFate fate = plan_.call(name_, request, now);
  int moment = 0;
  if (request.method != kube::Method::kGet && plan_.kill(name_, request, now, moment)) {
    // A process that dies while its request is under way: the server may still get it.
    fate.kind = moment == 0 ? sandbox::CallFate::Kind::kSwallowed : sandbox::CallFate::Kind::kSwallowedReply;
    kill();
  }
  return fate;
}

sandbox::StreamFate SimProcess::on_stream(const std::string& target) {
  if (dead_) return {.break_now = true};
  return plan_.stream(name_, target, world_.clock().now());
}

void SimProcess::on_applied(const kube::HttpRequest& request, int status) {
  checker_.after_write(name_, request, status, world_.clock().now(), world_.clock().wall());
}

}  // namespace stowage::sim
