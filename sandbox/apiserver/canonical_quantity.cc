#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sandbox/apiserver/coerce.h"

// Algorithm: the canonical form described with apimachinery's resource.Quantity: no precision is lost, no
// fraction is printed, and the exponent is as large as possible. Values are held in billionths, as
// apimachinery rounds up to.

namespace stowage::sandbox {
namespace {

using Wide = __int128;
constexpr Wide kUnit = 1'000'000'000;
/// 2^63 - 1 units: apimachinery caps larger magnitudes there.
constexpr Wide kCap = Wide{INT64_MAX} * kUnit;

std::string to_text(Wide value) {
  std::string out;
  do {
    out.insert(out.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value > 0);
  return out;
}

/// Multiplies, capped.
Wide times(Wide value, Wide factor) {
  return value > kCap / factor ? kCap : value * factor;
}

struct Number {
  Wide nano = 0;
  bool negative = false;
  std::string_view suffix;
  bool valid = false;
};

Number read_number(std::string_view text) {
  Number out;
  size_t i = 0;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) out.negative = text[i++] == '-';
  bool digits = false;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    digits = true;
    out.nano = std::min(kCap, times(out.nano, 10) + Wide{text[i] - '0'} * kUnit);
  }
  if (i < text.size() && text[i] == '.') {
    Wide place = kUnit / 10;
    bool rounded = false;
    for (++i; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      digits = true;
      out.nano += place == 0 ? Wide{text[i] != '0' && !rounded} : place * (text[i] - '0');
      if (place == 0 && text[i] != '0') rounded = true;  // below a billionth: rounded up, once
      place /= 10;
    }
  }
  out.suffix = text.substr(i);
  out.valid = digits;
  return out;
}

Refusal malformed() {
  return bad_request(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

/// Largest power of `base` (at most `count` steps) that divides value; value is divided by it.
int reduce(Wide& value, Wide base, int count) {
  int steps = 0;
  while (steps < count && value != 0 && value % base == 0) {
    value /= base;
    ++steps;
  }
  return steps;
}

}  // namespace

Answer<std::string> canonical_quantity(std::string_view text) {
  if (text.size() > 64) return malformed();
  const Number number = read_number(text);
  if (!number.valid) return malformed();
  static constexpr std::array<std::string_view, 10> kDecimal = {"n", "u", "m", "",  "k",
                                                                "M", "G", "T", "P", "E"};
  static constexpr std::array<std::string_view, 7> kBinary = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  const std::string_view suffix = number.suffix;
  Wide nano = number.nano;
  enum class Format { kDecimal, kBinary, kExponent } format = Format::kDecimal;
  int power = 0;
  if (!suffix.empty() && (suffix[0] == 'e' || suffix[0] == 'E') && suffix.size() > 1) {
    format = Format::kExponent;
    const bool minus = suffix[1] == '-';
    const std::string_view digits = suffix.substr(suffix[1] == '-' || suffix[1] == '+' ? 2 : 1);
    if (digits.empty() || digits.size() > 2 ||
        digits.find_first_not_of("0123456789") != std::string_view::npos) {
      return malformed();
    }
    for (const char c : digits)
      power = power * 10 + (c - '0');
    if (minus) power = -power;
  } else if (const auto* it = std::find(kBinary.begin() + 1, kBinary.end(), suffix); it != kBinary.end()) {
    format = Format::kBinary;
    for (auto k = it - kBinary.begin(); k > 0; --k)
      nano = times(nano, 1024);
  } else if (const auto* dec = std::find(kDecimal.begin(), kDecimal.end(), suffix); dec != kDecimal.end()) {
    power = 3 * (static_cast<int>(dec - kDecimal.begin()) - 3);
  } else {
    return malformed();
  }
  for (; power > 0; --power)
    nano = times(nano, 10);
  for (; power < 0; ++power)
    nano = (nano + 9) / 10;
  if (nano == 0) return std::string("0");

  std::string out = number.negative ? "-" : "";
  // Binary form is for whole numbers of at least 1 Ki; smaller or broken ones are written decimally.
  if (format == Format::kBinary && nano % kUnit == 0 && nano / kUnit >= 1024) {
    Wide value = nano / kUnit;
    const int steps = reduce(value, 1024, 6);
    return out + to_text(value) + std::string(kBinary[static_cast<size_t>(steps)]);
  }
  const int steps = reduce(nano, 1000, 9);
  out += to_text(nano);
  if (format == Format::kExponent) return steps == 3 ? out : fmt::format("{}e{}", out, 3 * (steps - 3));
  return out + std::string(kDecimal[static_cast<size_t>(steps)]);
}

}  // namespace stowage::sandbox
