#include "kube/core/watch_machine.h"

#include <algorithm>
#include <chrono>

#include "kube/core/list_pager.h"
#include "kube/core/status_error.h"
#include "kube/core/url.h"
#include "kube/core/watch_decoder.h"

namespace stowage::kube {
namespace {

using namespace std::chrono_literals;

/// A streaming list is one burst; a server that goes quiet in it does not know the request (before 1.27 the
/// parameter was ignored) or is stuck.
constexpr Millis kStreamingListSilence = 10s;
/// The same for a server that ignores the parameter but sends other events all the time.
constexpr Millis kStreamingListLimit = 60s;
constexpr Millis kListSilence = 30s;
/// A watch that lived this long, or delivered something, proves health.
constexpr Millis kHealthyAfter = 10s;

}  // namespace

struct WatchMachine::Impl {
  enum class Mode { kStreamingList, kList, kWatch };

  Impl(WatchMachineOptions given, Random seeded)
      : options(std::move(given)),
        random(seeded),
        backoff(options.backoff_first, options.backoff_cap),
        decoder(options.max_object_bytes),
        streaming(options.streaming_list) {}

  WatchMachineOptions options;
  Random random;
  Backoff backoff;
  WatchDecoder decoder;
  std::optional<ListPager> pager;
  std::optional<ListReader> reader;

  bool streaming;           ///< The server is still believed to do streaming lists.
  bool list_once = false;   ///< The last streaming list broke off: page through a LIST this time.
  bool fed = false;         ///< The open stream has delivered bytes.
  Mode mode = Mode::kList;  ///< Of the stream that is open, or was last.
  std::string version;      ///< Resume point; also what a relist must not be older than.
  bool need_list = true;
  bool consistent = false;  ///< The next list must be of the newest version.
  bool exact = false;       ///< The next list is an audit of `version`.
  int expired_pages = 0;    ///< Lists in a row whose continue token ran out.
  bool replacing = false;   ///< kBeginReplace was handed out without its end.
  bool abandon = false;     ///< kAbandonReplace is due.
  bool begin = false;       ///< kBeginReplace is due.
  bool end = false;         ///< kEndReplace is due.
  bool closed = false;
  bool synced = false;
  size_t lists = 0;
  Millis wait{0};
  MonoTime opened = {};
  MonoTime last_fed = {};
  std::optional<Error> last_error = {};

  [[nodiscard]] std::string selectors() const;
  [[nodiscard]] HttpRequest watch_request();
  HttpRequest list_request();
  HttpRequest streaming_request();
  void start_list();
  std::optional<WatchEffect> watch_effect();
  std::optional<WatchEffect> list_effect();
  void finish_replace(std::string at);
  void page_ended(MonoTime now);
  void back_off(const Error& error);
  void broke_off(const Error& error, MonoTime now);
  void list_failed(const Error& error);
  void streaming_failed(const Error& error);
  void watch_failed(const Error& error);
  /// Somebody else's wish ends the stream: that it was well until now counts all the same, or the list would
  /// wait for what failed long before.
  void leave(MonoTime now) {
    const bool watching = mode == Mode::kWatch || (mode == Mode::kStreamingList && !need_list);
    if (watching && !closed && now - opened >= kHealthyAfter) healthy();
    closed = true;
  }
  void drop_replacement() {
    abandon = replacing;
    begin = end = false;
    pager.reset();
    reader.reset();
  }
  void healthy() {
    backoff.reset();
    last_error.reset();
  }
};

std::string WatchMachine::Impl::selectors() const {
  return Query()
      .add("labelSelector", options.label_selector)
      .add("fieldSelector", options.field_selector)
      .str();
}

HttpRequest WatchMachine::Impl::watch_request() {
  // A random end keeps the watches of many clients from coming back in one burst.
  const auto seconds = 300 + static_cast<long long>(random.below(301));
  Query query;
  query.add("watch", "1")
      .add("allowWatchBookmarks", "true")
      .add("resourceVersion", version)
      .add("timeoutSeconds", seconds)
      .add("labelSelector", options.label_selector)
      .add("fieldSelector", options.field_selector);
  return {.target = with_query(options.path, query.str()), .idle_timeout = options.idle_timeout};
}

HttpRequest WatchMachine::Impl::streaming_request() {
  const auto seconds = 300 + static_cast<long long>(random.below(301));
  Query query;
  query.add("watch", "1")
      .add("allowWatchBookmarks", "true")
      .add("sendInitialEvents", "true")
      .add("resourceVersionMatch", "NotOlderThan")
      .add("timeoutSeconds", seconds)
      .add("labelSelector", options.label_selector)
      .add("fieldSelector", options.field_selector);
  return {.target = with_query(options.path, query.str()), .idle_timeout = kStreamingListSilence};
}

void WatchMachine::Impl::start_list() {
  ListPager::Options list{.path = options.path, .query = selectors(), .page_size = options.page_size};
  if (exact) {
    list.resource_version = version;
    list.resource_version_match = "Exact";
  } else if (!consistent) {
    // 0: whatever the server has at hand, the cheapest. Later never older than what we have already seen.
    list.resource_version = version.empty() ? "0" : version;
  }
  // A server that keeps losing continue tokens gets one request for everything.
  if (expired_pages > 1) list.page_size = 0;
  pager.emplace(std::move(list));
}

HttpRequest WatchMachine::Impl::list_request() {
  if (!pager) {
    start_list();
    begin = true;
  }
  reader.emplace(options.max_object_bytes);
  return {.target = pager->target(), .timeout = 60s, .idle_timeout = kListSilence};
}

void WatchMachine::Impl::finish_replace(std::string at) {
  version = std::move(at);
  end = true;
  need_list = consistent = list_once = false;
  expired_pages = 0;
}

std::optional<WatchEffect> WatchMachine::Impl::watch_effect() {
  auto next = decoder.next();
  if (!next) {
    closed = true;
    broke_off(next.error(), last_fed);
    return std::nullopt;
  }
  if (!*next) return std::nullopt;
  const WatchFrame& frame = **next;
  const bool initial = mode == Mode::kStreamingList && need_list;
  if (frame.type == WatchType::kError) {
    closed = true;
    broke_off(error_from_status(frame.object), last_fed);
    return std::nullopt;
  }
  if (frame.type == WatchType::kBookmark) {
    if (initial && frame.initial_events_end) finish_replace(std::string(frame.resource_version));
    if (!initial) version = frame.resource_version;
    healthy();
    return WatchEffect{.kind = WatchEffect::Kind::kUpsert};  // nothing to do: the caller asks again
  }
  // While the initial state streams in, its objects come in no order: none of their versions is a place to
  // resume from.
  if (!initial) {
    version = frame.resource_version;
    healthy();
  }
  return WatchEffect{
      .kind = frame.type == WatchType::kDeleted ? WatchEffect::Kind::kRemove : WatchEffect::Kind::kUpsert,
      .object = frame.object,
      .in_replacement = initial};
}

std::optional<WatchEffect> WatchMachine::Impl::list_effect() {
  if (!reader) return std::nullopt;
  auto item = reader->next();
  if (!item) {
    closed = true;
    broke_off(item.error(), last_fed);
    return std::nullopt;
  }
  if (!*item) return std::nullopt;
  return WatchEffect{.kind = WatchEffect::Kind::kUpsert, .object = **item, .in_replacement = true};
}

void WatchMachine::Impl::page_ended(MonoTime now) {
  if (!reader) return;
  const auto page = reader->finish();
  reader.reset();
  if (!page) {
    broke_off(page.error(), now);
    return;
  }
  if (pager->advance(*page)) return;
  finish_replace(pager->resource_version());
  pager.reset();
}

void WatchMachine::Impl::back_off(const Error& error) {
  wait = std::max(backoff.next(random), error.retry_after.value_or(Millis(0)));
  last_error = error;
}

void WatchMachine::Impl::list_failed(const Error& error) {
  const bool had_pages = pager && pager->target().find("continue=") != std::string::npos;
  const bool was_audit = std::exchange(exact, false);
  drop_replacement();
  if (error.code != Code::kExpired) {
    back_off(error);  // after a failed audit the watch goes on where it was
    return;
  }
  need_list = true;
  if (had_pages && !was_audit) {
    // An incomplete list is never taken for complete: from the start. At once, as client-go does: the server
    // is well, and the third try in a row has no pages.
    ++expired_pages;
    last_error = error;
    return;
  }
  consistent = true;  // the version that we asked for is gone, or not there yet: ask for none
  // The first answer to an expired version is an immediate second try; after that, wait.
  if (last_error && last_error->code == Code::kExpired) {
    back_off(error);
  } else {
    last_error = error;
  }
}

void WatchMachine::Impl::streaming_failed(const Error& error) {
  drop_replacement();
  const bool refused = error.code == Code::kInvalidArgument || error.code == Code::kUnsupported;
  if (refused) {
    streaming = false;  // this server does not do it: page through a LIST from now on, and at once
    last_error = error;
    return;
  }
  const bool silent = error.code == Code::kTimeout && error.http_status == 0;
  list_once = fed || silent;
  back_off(error);
}

void WatchMachine::Impl::watch_failed(const Error& error) {
  switch (error.code) {
    case Code::kExpired:
      need_list = true;
      // Twice in a row means that even the list's own version is gone: ask for none.
      if (last_error && last_error->code == Code::kExpired) {
        consistent = true;
        back_off(error);
      } else {
        last_error = error;
      }
      return;
    case Code::kNotFound:
    case Code::kMalformed:
    case Code::kInvalidArgument:
      need_list = true;  // the kind went away, or this version cannot be followed
      consistent = true;
      back_off(error);
      return;
    case Code::kTimeout:
      // Silence is not a fault: many watches have nothing to say. Resume at once.
      if (error.http_status == 0) return;
      back_off(error);
      return;
    default:
      back_off(error);  // refused, overloaded, not allowed: the resume point stays good
      return;
  }
}

void WatchMachine::Impl::broke_off(const Error& error, MonoTime now) {
  if (mode == Mode::kList) {
    list_failed(error);
  } else if (mode == Mode::kStreamingList && need_list) {
    streaming_failed(error);
  } else {
    if (now - opened >= kHealthyAfter) healthy();
    watch_failed(error);
  }
}

WatchMachine::WatchMachine(WatchMachineOptions options, Random random)
    : impl_(std::make_unique<Impl>(std::move(options), random)) {}
WatchMachine::~WatchMachine() = default;

WatchMachine::Step WatchMachine::step(MonoTime now) {
  Impl& m = *impl_;
  m.closed = m.fed = false;
  m.decoder.reset();
  Step out{.wait = std::exchange(m.wait, Millis(0)), .request = {}};
  m.opened = now + out.wait;
  if (m.exact && m.version.empty()) m.exact = false;
  if (m.exact || (m.need_list && (!m.streaming || m.list_once || m.pager))) {
    m.mode = Impl::Mode::kList;
    out.request = m.list_request();
  } else if (m.need_list) {
    m.mode = Impl::Mode::kStreamingList;
    m.begin = true;
    out.request = m.streaming_request();
  } else {
    m.mode = Impl::Mode::kWatch;
    out.request = m.watch_request();
  }
  return out;
}

void WatchMachine::feed(std::string_view chunk, MonoTime now) {
  Impl& m = *impl_;
  if (m.closed) return;
  m.fed = true;
  m.last_fed = now;
  if (m.mode == Impl::Mode::kList) {
    if (m.reader) m.reader->feed(chunk);
    return;
  }
  if (m.mode == Impl::Mode::kStreamingList && m.need_list && now - m.opened > kStreamingListLimit) {
    m.closed = true;
    m.broke_off({.code = Code::kTimeout, .message = "the streaming list did not end within 60 s"}, now);
    return;
  }
  m.decoder.feed(chunk);
}

std::optional<WatchEffect> WatchMachine::effect() {
  Impl& m = *impl_;
  for (;;) {
    if (std::exchange(m.abandon, false)) {
      m.replacing = false;
      return WatchEffect{.kind = WatchEffect::Kind::kAbandonReplace};
    }
    if (std::exchange(m.begin, false)) {
      m.replacing = true;
      return WatchEffect{.kind = WatchEffect::Kind::kBeginReplace};
    }
    if (std::exchange(m.end, false)) {
      m.replacing = false;
      m.synced = true;
      ++m.lists;
      return WatchEffect{.kind = WatchEffect::Kind::kEndReplace, .audit = std::exchange(m.exact, false)};
    }
    if (m.closed) return std::nullopt;
    auto next = m.mode == Impl::Mode::kList ? m.list_effect() : m.watch_effect();
    if (next && next->object.empty()) continue;
    if (next || !(m.abandon || m.end)) return next;
  }
}

bool WatchMachine::closed() const {
  return impl_->closed;
}

void WatchMachine::ended(MonoTime now) {
  Impl& m = *impl_;
  if (m.closed) return;
  if (m.mode == Impl::Mode::kList) {
    m.page_ended(now);
    return;
  }
  if (m.mode == Impl::Mode::kStreamingList && m.need_list) {
    m.broke_off({.code = Code::kUnavailable, .message = "the streaming list ended before its bookmark"}, now);
    return;
  }
  // The server's own time limit is the regular end. One that ends at once is a server in trouble.
  if (now - m.opened >= kHealthyAfter) {
    m.healthy();
  } else {
    m.back_off({.code = Code::kUnavailable, .message = "the watch ended as soon as it had begun"});
  }
}

void WatchMachine::failed(const Error& error, MonoTime now) {
  if (!impl_->closed) impl_->broke_off(error, now);
}

void WatchMachine::relist(MonoTime now) {
  Impl& m = *impl_;
  m.leave(now);
  m.drop_replacement();
  m.need_list = m.consistent = true;
  m.exact = false;
}

void WatchMachine::audit(MonoTime now) {
  Impl& m = *impl_;
  if (m.version.empty() || m.need_list) return;  // a list is under way anyhow
  m.leave(now);
  m.exact = true;
}

const std::string& WatchMachine::resource_version() const {
  return impl_->version;
}
bool WatchMachine::synced() const {
  return impl_->synced;
}
size_t WatchMachine::lists() const {
  return impl_->lists;
}
const std::optional<Error>& WatchMachine::last_error() const {
  return impl_->last_error;
}

}  // namespace stowage::kube
