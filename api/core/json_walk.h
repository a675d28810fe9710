#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "api/meta.h"
#include "base/result.h"

/// Reading JSON in one pass, without a tree: the decoders of pods and nodes run on every watch event.
namespace stowage::api {

/// One value of the text that is being read. It is visited at most once, inside the callback that got it, and
/// what is not visited is skipped. The first mismatch of type ends the whole reading with an error that names
/// the path; later calls then do nothing. null reads as absent.
class JsonValue {
 public:
  /// `field(std::string_view key, JsonValue value)` for each member.
  template <class Field>
  void object(Field&& field) {
    object_impl(erase(field), [](void* f, std::string_view key, JsonValue value) {
      (*static_cast<std::remove_reference_t<Field>*>(f))(key, value);
    });
  }
  /// `element(JsonValue value)` for each element.
  template <class Element>
  void array(Element&& element) {
    array_impl(std::addressof(element),
               [](void* f, JsonValue value) { (*static_cast<std::remove_reference_t<Element>*>(f))(value); });
  }
  [[nodiscard]] bool is_null();
  /// Valid until the reading ends; empty after an error.
  std::string_view text();
  int64_t integer();
  bool boolean();
  /// A quantity (string or number) in whole units, or thousandths. What exceeds int64 becomes its maximum, as
  /// in the API server. `excess` gets by how many billionths of a whole unit the result was rounded up.
  int64_t quantity(bool milli, int64_t* excess = nullptr);
  WallTime time();
  /// The value as it stands in the text.
  std::string raw();
  /// Where the value begins in the text that is being read, in bytes. 0 after an error.
  [[nodiscard]] size_t offset();
  /// Reports `message` at this place.
  void fail(std::string message);

 private:
  friend Result<void> read_json(std::string_view, void (*)(void*, JsonValue), void*);
  friend struct JsonAccess;
  template <class F>
  static void* erase(F& f) {
    return const_cast<void*>(static_cast<const void*>(std::addressof(f)));
  }
  void object_impl(void* f, void (*call)(void*, std::string_view, JsonValue));
  void array_impl(void* f, void (*call)(void*, JsonValue));

  struct Failure;
  Failure* failure_ = nullptr;
  alignas(8) std::byte value_[32] = {};
};

/// Calls `root` with the outermost object of `json`. Errors: kMalformed, naming the path.
Result<void> read_json(std::string_view json, void (*root)(void*, JsonValue), void* context);

template <class Root>
Result<void> read_json(std::string_view json, Root&& root) {
  return read_json(
      json, [](void* f, JsonValue value) { (*static_cast<std::remove_reference_t<Root>*>(f))(value); },
      const_cast<void*>(static_cast<const void*>(std::addressof(root))));
}

// Reading into a variable: one overload a type, found by argument lookup; null leaves the default.
void read(JsonValue value, std::string& out);
void read(JsonValue value, bool& out);
void read(JsonValue value, int32_t& out);
void read(JsonValue value, int64_t& out);
void read(JsonValue value, StringMap& out);
void read(JsonValue value, WallTime& out);
void read(JsonValue value, OwnerReference& out);
void read(JsonValue value, Condition& out);
void read(JsonValue value, ObjectMeta& out);

template <class T>
void read(JsonValue value, std::vector<T>& out);

template <class T>
void read(JsonValue value, std::optional<T>& out) {
  if (value.is_null()) return;
  read(value, out.emplace());
}

template <class T>
void read(JsonValue value, std::vector<T>& out) {
  value.array([&out](JsonValue element) { read(element, out.emplace_back()); });
}

}  // namespace stowage::api
