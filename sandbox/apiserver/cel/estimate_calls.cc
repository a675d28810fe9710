// What functions cost at most: apiserver/pkg/cel/library/cost.go, then cel-go's checker/cost.go.
#include <algorithm>
#include <cmath>

#include "sandbox/apiserver/cel/estimate_parts.h"

namespace stowage::sandbox::cel {
namespace {

using K = StaticType::Kind;
using Args = std::vector<Estimate>;

template <size_t N>
bool one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// One unit, and a value whose size is 1.
constexpr std::string_view kScalars[] = {"size",
                                         "int",
                                         "uint",
                                         "double",
                                         "bool",
                                         "timestamp",
                                         "duration",
                                         "sign",
                                         "asInteger",
                                         "isInteger",
                                         "isGreaterThan",
                                         "isLessThan",
                                         "compareTo",
                                         "getSeconds",
                                         "getMinutes",
                                         "getHours",
                                         "getMilliseconds",
                                         "getFullYear",
                                         "getMonth",
                                         "getDate",
                                         "getDayOfMonth",
                                         "getDayOfWeek",
                                         "getDayOfYear",
                                         "asApproximateFloat",
                                         "hasValue",
                                         "major",
                                         "minor",
                                         "patch",
                                         "prefixLength",
                                         "family",
                                         "isUnspecified",
                                         "isLoopback",
                                         "isLinkLocalMulticast",
                                         "isLinkLocalUnicast",
                                         "isGlobalUnicast",
                                         "isURL"};
/// One unit, and a value that may be of any size.
constexpr std::string_view kUnits[] = {"value", "orValue", "or", "type", "charAt"};
/// The same of texts, which the checker takes for anything.
constexpr std::string_view kParts[] = {"getScheme", "getHost", "getHostname", "getPort", "getEscapedPath"};
constexpr std::string_view kReads[] = {"isQuantity", "isSemver", "isIP", "isCIDR"};
constexpr std::string_view kParses[] = {"quantity", "semver", "ip", "cidr"};
constexpr std::string_view kSameText[] = {"lowerAscii", "upperAscii", "substring", "trim"};
constexpr std::string_view kWalks[] = {"isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"};

Estimate made(uint64_t cost, std::optional<Size> size = std::nullopt) {
  return {.cost = cost, .size = size};
}

Estimate scalar(uint64_t cost) {
  return made(cost, Size{1, 1});
}

uint64_t reading(const Estimate& text, double factor = kPerCharacter) {
  return scaled(size_of(text).most, factor);
}

/// A regular expression on a text; one more character, so that the empty text is not free.
uint64_t matching(const Estimate& text, const Estimate& pattern) {
  return times(scaled(plus(size_of(text).most, 1), kPerCharacter),
               scaled(size_of(pattern).most, kPerCharacterOfPattern));
}

Estimate walk(const Estimate& target) {
  if (target.type.kind != K::kList) return scalar(reading(target));
  uint64_t each = 1;
  if (is_text(item_of(target.type))) each = plus(each, scaled(size_of_items(target).most, kPerCharacter));
  return scalar(times(size_of(target).most, each));
}

uint64_t quotient(uint64_t a, uint64_t b) {
  const double out = std::ceil(static_cast<double>(a) / static_cast<double>(b));
  return out >= 0x1p64 ? kUnbounded : static_cast<uint64_t>(out);
}

/// The longest and the shortest text after a replacement.
Size replaced(const Size& text, const Size& from, const Size& to) {
  Size count{0, 0};
  Size kept{0, 0};
  if (from.least == 0) {  // around each character
    count.most = plus(text.most, 1);
    kept.most = text.most;
  } else if (to.most <= from.least) {
    kept.most = text.most;
  } else {
    count.most = quotient(text.most, from.least);
  }
  if (from.most == 0) {
    count.least = plus(text.least, 1);
    kept.least = text.least;
  } else if (from.most <= to.least) {
    kept.least = text.least;
  } else {
    count.least = quotient(text.least, from.most);
  }
  return {plus(times(count.least, to.least), kept.least), plus(times(count.most, to.most), kept.most)};
}

Estimate joined_text(const Estimate& list, const Args& args) {
  const Size count = size_of(list);
  Size out{0, 0};
  if (list.type.kind == K::kList) {
    const Size item = size_of_items(list);
    out = {times(count.least, item.least), times(count.most, item.most)};
  }
  if (!args.empty()) {
    const Size between = size_of(args[0]);
    const auto gaps = [](uint64_t items) { return items > 0 ? items - 1 : 0; };
    out = {plus(out.least, times(between.least, gaps(count.least))),
           plus(out.most, times(between.most, gaps(count.most)))};
  }
  return made(scaled(out.most, kPerCharacter), out);
}

/// Of addresses and ranges: bytes of both are compared, for a range once more under its mask.
Estimate contained(const Estimate& other, bool range) {
  constexpr uint64_t kMostBytes = 16;
  uint64_t cost = scaled(2 * kMostBytes, kPerCharacter);
  if (range) cost += scaled(kMostBytes, kPerCharacter) + 1;
  if (!other.opaque) cost = plus(cost, reading(other));
  return scalar(cost);
}

std::optional<Estimate> member_call(const std::string& name, const Estimate& target, const Args& args) {
  if (one_of(name, kWalks)) return walk(target);
  if (one_of(name, kSameText)) return made(reading(target), size_of(target));
  if (name == "join") return joined_text(target, args);
  if (name == "format") return made(reading(target));
  if (name == "split") return made(reading(target, 2 * kPerCharacter), Size{0, size_of(target).most});
  if (name == "masked") return Estimate{.cost = 1, .opaque = true};
  if (args.empty()) return std::nullopt;
  const Estimate& other = args[0];
  if (name == "startsWith" || name == "endsWith") return scalar(reading(other));
  if (name == "matches") return scalar(matching(target, other));
  if (name == "contains") return scalar(times(reading(target), reading(other)));
  if (name == "find" || name == "findAll")
    return made(matching(target, other), Size{0, size_of(target).most});
  if (name == "containsIP" || name == "containsCIDR") return contained(other, name == "containsCIDR");
  if ((name == "add" || name == "sub") && args.size() == 1) return Estimate{.cost = 1, .opaque = true};
  if (name == "replace" && args.size() >= 2) {
    return made(reading(target, 2 * kPerCharacter),
                replaced(size_of(target), size_of(other), size_of(args[1])));
  }
  return std::nullopt;
}

/// Conversion to text. An argument of any type may be bytes.
Estimate to_text(const Estimate& value) {
  if (value.type.kind != K::kBytes && !value.type.loose()) return made(1);
  constexpr uint64_t kMostBytesOfCharacter = 4;
  const Size size = size_of(value);
  return made(std::max<uint64_t>(1, scaled(size.most, kPerCharacter)),
              Size{size.least / kMostBytesOfCharacter, size.most});
}

std::optional<Estimate> global_call(const std::string& name, const Args& args) {
  if (args.empty()) return std::nullopt;
  const Estimate& value = args[0];
  if (name == "matches" && args.size() == 2) return scalar(matching(value, args[1]));
  if (name == "string") return to_text(value);
  if (name == "bytes")
    return made(value.type.kind == K::kString ? reading(value) : 1,
                Size{size_of(value).least, times(size_of(value).most, 4)});
  if (one_of(name, kReads)) return scalar(reading(value));
  if (name == "url") return Estimate{.cost = reading(value), .size = size_of(value), .opaque = true};
  if (one_of(name, kParses)) return Estimate{.cost = reading(value), .opaque = true};
  return std::nullopt;
}

}  // namespace

bool is_text(const StaticType& type) {
  return type.kind == K::kString || type.kind == K::kBytes;
}

Size size_of(const Estimate& value) {
  if (value.size) return *value.size;
  if (value.type.loose() && !value.opaque) throw NotKnown{};
  return {};
}

Size size_of_items(const Estimate& list) {
  const auto place = list.path.place ? place_in(*list.path.place, "@items") : std::nullopt;
  return place ? Size{0, most_elements(*place)} : Size{};
}

uint64_t scaled(uint64_t amount, double factor) {
  const double out = std::ceil(static_cast<double>(amount) * factor);
  return out >= 0x1p64 ? kUnbounded : static_cast<uint64_t>(out);
}

Estimate estimate_call(const std::string& name, const Estimate* target, const Args& args) {
  if (one_of(name, kScalars)) return scalar(1);
  if (one_of(name, kUnits)) return made(1);
  if (one_of(name, kParts)) return Estimate{.cost = 1, .type = simple(K::kString)};
  const auto out = target != nullptr ? member_call(name, *target, args) : global_call(name, args);
  return out ? *out : throw NotKnown{};
}

}  // namespace stowage::sandbox::cel
