#include "api/core/json_walk.h"

#include <fmt/core.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/check.h"
#include "base/quantity.h"

namespace stowage::api {

namespace od = simdjson::ondemand;

struct JsonValue::Failure {
  bool failed = false;
  std::string path;  ///< Grows from the inside out while the callbacks return.
  std::string message;
};

struct JsonAccess {
  static od::value& value(JsonValue& value) {
    static_assert(sizeof(od::value) <= sizeof(value.value_) && alignof(od::value) <= 8);
    static_assert(std::is_trivially_copyable_v<od::value> && std::is_trivially_destructible_v<od::value>);
    return *std::launder(reinterpret_cast<od::value*>(value.value_));
  }
  static JsonValue wrap(JsonValue::Failure* failure, od::value value) {
    JsonValue out;
    out.failure_ = failure;
    new (out.value_) od::value(value);
    return out;
  }
};

namespace {

/// The parser keeps its buffers between calls: allocating them anew costs more than the reading itself.
struct Reader {
  od::parser parser;
  std::string padded;
  bool busy = false;
};

Reader& reader() {
  static thread_local Reader instance;
  return instance;
}

void prepend(std::string& path, std::string_view part) {
  if (!path.empty() && path.front() != '[') path.insert(0, ".");
  path.insert(0, part);
}

}  // namespace

void JsonValue::fail(std::string message) {
  if (failure_->failed) return;
  failure_->failed = true;
  failure_->message = std::move(message);
}

bool JsonValue::is_null() {
  if (failure_->failed) return true;
  od::json_type type{};
  if (const auto error = JsonAccess::value(*this).type().get(type); error != simdjson::SUCCESS) {
    fail(simdjson::error_message(error));
    return true;
  }
  return type == od::json_type::null;
}

void JsonValue::object_impl(void* f, void (*call)(void*, std::string_view, JsonValue)) {
  if (is_null()) return;
  od::object object;
  if (JsonAccess::value(*this).get_object().get(object) != simdjson::SUCCESS)
    return fail("expected an object");
  for (auto item : object) {
    od::field field;
    std::string_view key;
    if (const auto error = std::move(item).get(field); error != simdjson::SUCCESS)
      return fail(simdjson::error_message(error));
    if (const auto error = field.unescaped_key().get(key); error != simdjson::SUCCESS)
      return fail(simdjson::error_message(error));
    call(f, key, JsonAccess::wrap(failure_, field.value()));
    if (failure_->failed) return prepend(failure_->path, key);
  }
}

void JsonValue::array_impl(void* f, void (*call)(void*, JsonValue)) {
  if (is_null()) return;
  od::array array;
  if (JsonAccess::value(*this).get_array().get(array) != simdjson::SUCCESS) return fail("expected a list");
  size_t index = 0;
  for (auto item : array) {
    od::value element;
    if (const auto error = std::move(item).get(element); error != simdjson::SUCCESS)
      return fail(simdjson::error_message(error));
    call(f, JsonAccess::wrap(failure_, element));
    if (failure_->failed) return prepend(failure_->path, fmt::format("[{}]", index));
    ++index;
  }
}

std::string_view JsonValue::text() {
  if (failure_->failed) return {};
  std::string_view out;
  if (JsonAccess::value(*this).get_string().get(out) != simdjson::SUCCESS) fail("expected a string");
  return out;
}

int64_t JsonValue::integer() {
  if (failure_->failed) return 0;
  int64_t out = 0;
  if (JsonAccess::value(*this).get_int64().get(out) != simdjson::SUCCESS) fail("expected an integer");
  return out;
}

bool JsonValue::boolean() {
  if (failure_->failed) return false;
  bool out = false;
  if (JsonAccess::value(*this).get_bool().get(out) != simdjson::SUCCESS) fail("expected true or false");
  return out;
}

int64_t JsonValue::quantity(bool milli, int64_t* excess) {
  if (is_null()) return 0;
  od::json_type type{};
  if (JsonAccess::value(*this).type().get(type) != simdjson::SUCCESS) return 0;
  std::string number;
  std::string_view spelled;
  if (type == od::json_type::string) {
    spelled = text();
  } else {
    number = raw();
    spelled = number;
  }
  if (failure_->failed) return 0;
  const Result<int64_t> amount = milli ? parse_quantity_milli(spelled) : parse_quantity(spelled);
  if (amount) {
    if (excess != nullptr && !std::ranges::all_of(spelled, [](char c) { return c >= '0' && c <= '9'; })) {
      const __int128 scale = milli ? 1'000'000 : 1'000'000'000;
      const auto exact = parse_quantity_nano(spelled);
      if (exact) *excess = static_cast<int64_t>(*amount * scale - *exact);
    }
    return *amount;
  }
  if (is_quantity(spelled)) {
    return spelled.starts_with('-') ? std::numeric_limits<int64_t>::min()
                                    : std::numeric_limits<int64_t>::max();
  }
  fail(amount.error().message);
  return 0;
}

WallTime JsonValue::time() {
  const std::string_view spelled = text();
  if (failure_->failed) return {};
  const Result<WallTime> time = parse_rfc3339(spelled);
  if (!time) fail(time.error().message);
  return time.value_or(WallTime{});
}

std::string JsonValue::raw() {
  if (failure_->failed) return {};
  od::value& value = JsonAccess::value(*this);
  od::json_type type{};
  std::string_view out;
  if (value.type().get(type) != simdjson::SUCCESS) {
    fail("expected a value");
    return {};
  }
  if (type == od::json_type::object || type == od::json_type::array) {
    if (simdjson::to_json_string(value).get(out) != simdjson::SUCCESS) fail("expected a complete value");
    return std::string(out);
  }
  out = value.raw_json_token();
  while (!out.empty() &&
         (out.back() == ' ' || out.back() == '\n' || out.back() == '\r' || out.back() == '\t'))
    out.remove_suffix(1);
  return std::string(out);
}

size_t JsonValue::offset() {
  if (failure_->failed) return 0;
  return static_cast<size_t>(JsonAccess::value(*this).raw_json_token().data() - reader().padded.data());
}

Result<void> read_json(std::string_view json, void (*root)(void*, JsonValue), void* context) {
  Reader& r = reader();
  STOWAGE_CHECK(!r.busy, "a JSON text is read while another one is");
  r.padded.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  r.padded.assign(json);
  JsonValue::Failure failure;
  od::document document;
  const auto malformed = [](std::string_view what) {
    return stowage::fail(Code::kMalformed, fmt::format("not a JSON object: {}", what));
  };
  const simdjson::padded_string_view text(r.padded.data(), r.padded.size(), r.padded.capacity());
  if (const auto error = r.parser.iterate(text).get(document); error != simdjson::SUCCESS)
    return malformed(simdjson::error_message(error));
  od::value value;
  if (const auto error = document.get_value().get(value); error != simdjson::SUCCESS)
    return malformed("expected an object");
  r.busy = true;
  root(context, JsonAccess::wrap(&failure, value));
  r.busy = false;
  if (failure.failed) {
    return stowage::fail(Code::kMalformed,
                         failure.path.empty() ? failure.message : failure.path + ": " + failure.message);
  }
  // Structure that was skipped is not checked on the way; a text that ends early or late shows here.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return malformed("the text does not end where its object does");
  return {};
}

}  // namespace stowage::api
