#include "test/sim/process.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "gpu-scheduler/scheduler.h"

namespace stowage::sim {
namespace {

using sandbox::CallFate;

/// What the transport of the real processes promises (rule 9).
constexpr Millis kDeadConnection{10'000};
constexpr Millis kLongestBackOff{30'000};  // client rule 10

bool is_lease(const kube::HttpRequest& request) {
  return request.target.find("/leases") != std::string::npos;
}

bool is_write(const kube::HttpRequest& request) {
  return request.method != kube::Method::kGet;
}

/// The same bytes once more, later, on behalf of a sender who may be dead by then.
boost::asio::awaitable<void> replay(Surroundings& around, std::string who, std::string user,
                                    kube::HttpRequest request, Millis after) {
  const kube::Environment env = around.world.env();
  co_await env.sleep_for(after);
  sandbox::InProcessTransport late(env, around.server, std::move(user));
  const auto answer = co_await late.call(request);
  if (!answer) co_return;
  around.checker.after_write({.who = who,
                              .request = request,
                              .status = answer->status,
                              .now = around.world.clock().now(),
                              .wall = around.world.clock().wall(),
                              .late = true});
}

/// A third of the machines keeps time badly: up to 3 % fast or slow.
int draw_rate(Random& random) {
  return random.below(3) == 0 ? static_cast<int>(random.below(61)) - 30 : 0;
}

}  // namespace

kube::Environment SimProcess::env() {
  return {around_.world.env().executor, time_, time_, random_, log_};
}

SimProcess::SimProcess(Surroundings& around, const Role& role, std::string name, uint64_t seed)
    : around_(around),
      role_(role),
      name_(std::move(name)),
      random_(seed),
      no_streaming_(random_.below(3) == 0),
      time_(around.world, draw_rate(random_)),
      transport_(env(), around.server, "stowage-" + role.name, this) {
  small_pages_ =
      Random(seed + 1).below(4) == 0 &&
      around.plan.happens(name_ + "/pages", name_ + ": lists in pages of two", around.world.clock().now());
  kube::LifeOptions options{.name = "stowage-" + role.name,
                            .user_agent = "stowage-" + role.name + "/sim",
                            .lease = {.ns = "stowage-system",
                                      .name = "stowage-" + role.name,
                                      .identity = name_,
                                      .lease = role.lease,
                                      .renew = role.renew,
                                      .retry = role.retry}};
  if (around.mutation != nullptr && around.mutation->role == role.name)
    mutant_ = make_mutant(*around.mutation, transport_, env());
  life_ = std::make_unique<kube::ProcessLife>(env(), mutant_ ? *mutant_ : transport_, std::move(options));
  // The catalogue stands already; one process in eight brings it again.
  const bool catalogue = role.name == "operator" && random_.below(8) == 0;
  const std::string text =
      fmt::format("apiVersion: config.stowage.dev/v1alpha1\nkind: {}\n{}", role.config_kind,
                  role.name == "operator" && !catalogue ? "catalogue: false\n" : "");
  auto config = kube::ConfigFile::parse(text, "sim", role.config_kind);
  STOWAGE_CHECK(config.has_value(), "the configuration is valid");
  config_ = *std::move(config);
  kube::ComponentContext context = life_->context(metrics_, config_->root());
  fence_ = context.fence;
  auto component = role.make(std::move(context));
  STOWAGE_CHECK(component.has_value(), "the component can be built");
  component_ = *std::move(component);
}

SimProcess::~SimProcess() = default;

void SimProcess::start() {
  around_.world.spawn(live());
}

boost::asio::awaitable<void> SimProcess::live() {
  exit_code_ = co_await life_->run(*component_);
}

void SimProcess::kill() {
  dead_ = true;
  life_->stop();
}

void SimProcess::make_stale(kube::HttpRequest& request) {
  static constexpr std::string_view kAny = "resourceVersion=0";
  const size_t at = request.target.find(kAny);
  const uint64_t now = around_.server.version();
  const uint64_t back = random_.below(40);
  if (at == std::string::npos || now <= back + 1) return;
  request.target.replace(at, kAny.size(),
                         fmt::format("resourceVersion={}&resourceVersionMatch=Exact", now - back));
}

/// Lists come in pages of two.
void SimProcess::make_small(kube::HttpRequest& request) {
  static constexpr std::string_view kPage = "limit=500";
  if (const size_t at = request.target.find(kPage); at != std::string::npos)
    request.target.replace(at, kPage.size(), "limit=2");
}

bool SimProcess::knows(const std::string& uid) const {
  if (role_.name != "scheduler") return true;
  const auto* record = static_cast<const scheduler::Scheduler&>(*component_).cache().find(uid);
  return record != nullptr && !record->node.empty();
}

bool SimProcess::able() const {
  const MonoTime now = around_.world.clock().now();
  const bool backs_off = std::ranges::any_of(
      backing_off_, [now](const auto& each) { return now < each.second + kLongestBackOff; });
  return !dead_ && !ended() && !backs_off &&
         now >= std::max({cut_until_, held_until_, time_.still_until()}) &&
         around_.checker.holds(role_.name, name_);
}

void SimProcess::follow_back_off(const std::string& target, bool failed) {
  if (target.find("watch=1") == std::string::npos && target.find("limit=") == std::string::npos) return;
  std::string collection = target.substr(0, target.find('?'));
  if (failed) {
    backing_off_.insert_or_assign(std::move(collection), around_.world.clock().now());
  } else {
    backing_off_.erase(collection);
  }
}

void SimProcess::befall(const ProcessFate& fate, const kube::HttpRequest& request, CallFate& call) {
  const MonoTime now = around_.world.clock().now();
  if (fate.wall_jump) {
    time_.jump_wall(*fate.wall_jump);
    around_.checker.clock_jumped();
  }
  if (fate.cut_off > Millis{0}) cut_until_ = now + fate.cut_off;
  if (fate.deaf > Millis{0}) deaf_until_ = now + fate.deaf;
  if (fate.paused > Millis{0}) time_.stand_still(now + fate.paused);
  if (fate.interposed && around_.interpose) call.before = [this, request] { around_.interpose(request); };
  if (fate.replay_after > Millis{0} && call.kind != CallFate::Kind::kLostBefore)
    around_.world.spawn(
        replay(around_, name_, "stowage-" + role_.name, request, call.to_server + fate.replay_after));
  using Moment = ProcessFate::Moment;
  if (fate.killed == Moment::kNone) return;
  // A process that dies while its request is under way: the server may still get it.
  call.kind =
      fate.killed == Moment::kBeforeSend ? CallFate::Kind::kSwallowed : CallFate::Kind::kSwallowedReply;
  kill();
}

CallFate SimProcess::on_call(kube::HttpRequest& request) {
  const MonoTime now = around_.world.clock().now();
  if (dead_ || now < cut_until_)
    return {.kind = CallFate::Kind::kSwallowed, .noticed_after = kDeadConnection};
  if (now < around_.down_until) return {.kind = CallFate::Kind::kLostBefore};
  if (is_write(request) && !is_lease(request))
    around_.checker.on_send({.who = name_,
                             .role = role_.name,
                             .request = request,
                             .now = now,
                             .local = time_.now(),
                             .fence = fence_(),
                             .knows = [this](const std::string& uid) { return knows(uid); }});
  if (!is_write(request)) around_.checker.on_read(name_, request, now);
  if (no_streaming_ && !around_.plan.ended() &&
      request.target.find("sendInitialEvents") != std::string::npos) {
    return {
        .kind = CallFate::Kind::kAnswered,
        .status = 400,
        .body = R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":"BadRequest","code":400})"};
  }
  ProcessFate process;
  CallFate fate = around_.plan.call(name_, request, now, process);
  befall(process, request, fate);
  if (!is_write(request)) follow_back_off(request.target, fate.kind != CallFate::Kind::kDelivered);
  if (process.stale) make_stale(request);
  if (small_pages_ && !around_.plan.ended()) make_small(request);
  // Standing still, it neither sends nor hears.
  if (const auto still = std::chrono::ceil<Millis>(time_.still_until() - now); still > Millis{0})
    (random_.below(2) == 0 ? fate.to_server : fate.to_client) += still;
  return fate;
}

sandbox::StreamFate SimProcess::on_stream(const std::string& target) {
  const MonoTime now = around_.world.clock().now();
  if (dead_ || now < around_.down_until) return {.break_now = true};
  sandbox::StreamFate fate = around_.plan.stream(name_, target, now);
  if (fate.break_now) follow_back_off(target, true);
  const MonoTime quiet = std::max({cut_until_, deaf_until_, time_.still_until()});
  if (cut_until_ > now) held_until_ = std::max(held_until_, cut_until_);
  if (quiet > now) fate.delay = std::max(fate.delay, std::chrono::ceil<Millis>(quiet - now));
  return fate;
}

void SimProcess::on_applied(const kube::HttpRequest& request, int status) {
  around_.checker.after_write({.who = name_,
                               .role = role_.name,
                               .request = request,
                               .status = status,
                               .now = around_.world.clock().now(),
                               .wall = around_.world.clock().wall()});
}

}  // namespace stowage::sim
