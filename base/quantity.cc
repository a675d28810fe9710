#include "base/quantity.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace stowage {
namespace {

using Wide = __int128;

struct Suffix {
  std::string_view text;
  int power_of_ten;
  int power_of_two;
};

constexpr std::array kSuffixes{
    Suffix{"n", -9, 0},  Suffix{"u", -6, 0},  Suffix{"m", -3, 0},  Suffix{"", 0, 0},
    Suffix{"k", 3, 0},   Suffix{"M", 6, 0},   Suffix{"G", 9, 0},   Suffix{"T", 12, 0},
    Suffix{"P", 15, 0},  Suffix{"E", 18, 0},  Suffix{"Ki", 0, 10}, Suffix{"Mi", 0, 20},
    Suffix{"Gi", 0, 30}, Suffix{"Ti", 0, 40}, Suffix{"Pi", 0, 50}, Suffix{"Ei", 0, 60}};

/// mantissa * 10^ten * 2^two, exactly.
struct Parsed {
  Wide mantissa = 0;
  int ten = 0;
  int two = 0;
};

/// More digits than any int64 needs in nano units; longer numbers are absurd, not precise.
constexpr int kMaxDigits = 30;

std::optional<int> parse_exponent(std::string_view text) {
  if (text.empty() || (text.front() != 'e' && text.front() != 'E')) return std::nullopt;
  text.remove_prefix(1);
  int sign = 1;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
  }
  if (text.empty() || text.size() > 3) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return sign * value;
}

std::optional<Parsed> parse_number(std::string_view text) {
  Parsed out;
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  int digits = 0;
  int significant = 0;
  bool point = false;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    ++digits;
    if (out.mantissa != 0 || c != '0') ++significant;
    if (significant > kMaxDigits) return std::nullopt;
    out.mantissa = out.mantissa * 10 + (c - '0');
    if (point) --out.ten;
  }
  if (digits == 0) return std::nullopt;
  if (negative) out.mantissa = -out.mantissa;
  for (const Suffix& suffix : kSuffixes) {
    if (text == suffix.text) {
      out.ten += suffix.power_of_ten;
      out.two = suffix.power_of_two;
      return out;
    }
  }
  const auto exponent = parse_exponent(text);
  if (!exponent) return std::nullopt;
  out.ten += *exponent;
  return out;
}

/// value * factor, or nothing when it leaves 128 bits.
std::optional<Wide> multiply(Wide value, Wide factor) {
  Wide out;
  if (__builtin_mul_overflow(value, factor, &out)) return std::nullopt;
  return out;
}

std::unexpected<Error> too_large(std::string_view text) {
  return fail(Code::kInvalidArgument,
              fmt::format("\"{}\" is too large a quantity: the limit is 2^63 - 1", text));
}

Result<Wide> scaled_wide(std::string_view text, int extra_ten) {
  const auto parsed = parse_number(text);
  if (!parsed) {
    return fail(
        Code::kInvalidArgument,
        fmt::format(
            "\"{}\" is not a quantity: write a number with an optional suffix, such as 8, 500m, 1.5 or 80Gi",
            text));
  }
  Wide value = parsed->mantissa;
  int ten = parsed->ten + extra_ten;
  const auto overflow = [&] { return too_large(text); };
  if (value == 0) return Wide{0};
  if (parsed->two != 0) {
    const auto product = multiply(value, Wide{1} << parsed->two);
    if (!product) return overflow();
    value = *product;
  }
  for (; ten > 0; --ten) {
    const auto product = multiply(value, 10);
    if (!product) return overflow();
    value = *product;
  }
  bool rest = false;
  for (; ten < 0 && value != 0; ++ten) {
    rest = rest || value % 10 != 0;
    value /= 10;
  }
  // Away from zero, as resource.Quantity rounds what does not fit its scale.
  if (rest) value += parsed->mantissa > 0 ? 1 : -1;
  return value;
}

Result<int64_t> scaled(std::string_view text, int extra_ten) {
  TRY(const Wide value, scaled_wide(text, extra_ten));
  if (value > std::numeric_limits<int64_t>::max() || value < std::numeric_limits<int64_t>::min())
    return too_large(text);
  return static_cast<int64_t>(value);
}

}  // namespace

Result<int64_t> parse_quantity(std::string_view text) {
  return scaled(text, 0);
}

Result<int64_t> parse_quantity_milli(std::string_view text) {
  return scaled(text, 3);
}

Result<__int128> parse_quantity_nano(std::string_view text) {
  constexpr Wide kLimit = Wide{std::numeric_limits<int64_t>::max()} * 1'000'000'000;
  const auto value = scaled_wide(text, 9);
  if (!value) {
    if (!is_quantity(text)) return std::unexpected(value.error());
    return text.starts_with('-') ? -kLimit : kLimit;
  }
  return std::clamp(*value, -kLimit, kLimit);
}

bool is_quantity(std::string_view text) {
  return parse_number(text).has_value();
}

std::string format_bytes(int64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

std::string format_milli(int64_t milli) {
  return milli % 1000 == 0 ? fmt::format("{}", milli / 1000) : fmt::format("{}m", milli);
}

}  // namespace stowage
