#include <algorithm>
#include <cmath>
#include <vector>

#include "gpu-scheduler/engine/demand_model.h"

namespace stowage::engine {
namespace {

/// Sizes are looked at in hundredths of a device: finer ones do not change the prices and cost time.
constexpr int kUnits = 100;

/// min sum x, columns A x = frequency, x >= 0, by the revised simplex method with columns from an unbounded
/// knapsack. Small (a row per size, at most 100), run once per model.
class CuttingStock {
 public:
  CuttingStock(std::vector<int> sizes, std::vector<double> frequency)
      : sizes_(std::move(sizes)), frequency_(std::move(frequency)) {}

  /// The dual price of each size.
  std::vector<double> solve() {
    size_t n = sizes_.size();
    inverse_.assign(n, std::vector<double>(n));
    level_.assign(n, 0);
    // Start: every pattern holds one size only, as often as it fits.
    for (size_t i = 0; i < n; ++i) {
      int times = kUnits / sizes_[i];
      inverse_[i][i] = 1.0 / times;
      level_[i] = frequency_[i] / times;
    }
    constexpr int kMaxPivots = 2000;
    for (int pivot = 0; pivot < kMaxPivots; ++pivot) {
      auto prices = duals();
      auto column = best_pattern(prices);
      double value = 0;
      for (size_t i = 0; i < n; ++i)
        value += prices[i] * column[i];
      if (value <= 1 + 1e-9 || !enter(column)) break;
    }
    return duals();
  }

 private:
  [[nodiscard]] std::vector<double> duals() const {
    std::vector<double> out(sizes_.size(), 0);
    for (const auto& row : inverse_) {
      for (size_t i = 0; i < row.size(); ++i)
        out[i] += row[i];
    }
    return out;
  }

  [[nodiscard]] std::vector<double> best_pattern(const std::vector<double>& prices) const {
    std::array<double, kUnits + 1> best{};
    std::array<int, kUnits + 1> last{};
    last.fill(-1);
    for (int u = 1; u <= kUnits; ++u) {
      best[static_cast<size_t>(u)] = best[static_cast<size_t>(u) - 1];
      for (size_t i = 0; i < sizes_.size(); ++i) {
        if (sizes_[i] > u) continue;
        double value = best[static_cast<size_t>(u - sizes_[i])] + prices[i];
        if (value > best[static_cast<size_t>(u)] + 1e-12) {
          best[static_cast<size_t>(u)] = value;
          last[static_cast<size_t>(u)] = static_cast<int>(i);
        }
      }
    }
    std::vector<double> column(sizes_.size(), 0);
    for (int u = kUnits; u > 0;) {
      int i = last[static_cast<size_t>(u)];
      if (i < 0) {
        --u;
        continue;
      }
      column[static_cast<size_t>(i)] += 1;
      u -= sizes_[static_cast<size_t>(i)];
    }
    return column;
  }

  bool enter(const std::vector<double>& column) {
    size_t n = sizes_.size();
    std::vector<double> direction(n, 0);
    for (size_t r = 0; r < n; ++r) {
      for (size_t i = 0; i < n; ++i)
        direction[r] += inverse_[r][i] * column[i];
    }
    size_t leave = n;
    double least = 0;
    for (size_t r = 0; r < n; ++r) {
      if (direction[r] <= 1e-9) continue;
      double ratio = level_[r] / direction[r];
      if (leave == n || ratio < least - 1e-12) leave = r, least = ratio;
    }
    if (leave == n) return false;
    double pivot = direction[leave];
    for (auto& value : inverse_[leave])
      value /= pivot;
    level_[leave] = least;
    for (size_t r = 0; r < n; ++r) {
      if (r == leave) continue;
      for (size_t i = 0; i < n; ++i)
        inverse_[r][i] -= direction[r] * inverse_[leave][i];
      level_[r] = std::max(0.0, level_[r] - direction[r] * least);
    }
    return true;
  }

  std::vector<int> sizes_;
  std::vector<double> frequency_;
  std::vector<std::vector<double>> inverse_;
  std::vector<double> level_;
};

}  // namespace

std::array<int32_t, kWholeDevice + 1> cutting_stock_prices(const std::vector<DemandModel::Entry>& entries) {
  constexpr int kMilliPerUnit = kWholeDevice / kUnits;
  std::array<double, kUnits + 1> weight{};
  double sum = 0;
  for (const auto& entry : entries) {
    if (entry.count != 1) continue;
    auto unit = static_cast<size_t>((entry.milli + kMilliPerUnit - 1) / kMilliPerUnit);
    weight[unit] += static_cast<double>(entry.weight);
    sum += static_cast<double>(entry.weight);
  }
  std::vector<int> sizes;
  std::vector<double> frequency;
  for (int u = 1; u <= kUnits; ++u) {
    double w = weight[static_cast<size_t>(u)];
    if (w == 0 && u != kUnits) continue;
    sizes.push_back(u);
    frequency.push_back(sum == 0 ? 1 : w / sum);
  }
  auto prices = CuttingStock(sizes, frequency).solve();
  // The best use of every free share. Prices are rounded to the unit, so that the last bits of the linear
  // program cannot decide a placement.
  std::array<int32_t, kUnits + 1> best{};
  for (int u = 1; u <= kUnits; ++u) {
    auto at = static_cast<size_t>(u);
    best[at] = best[at - 1];
    for (size_t i = 0; i < sizes.size() && sizes[i] <= u; ++i) {
      auto price =
          static_cast<int32_t>(std::lround(std::clamp(prices[i], 0.0, 1.0) * DemandModel::kPriceUnit));
      best[at] = std::max(best[at], best[static_cast<size_t>(u - sizes[i])] + price);
    }
    best[at] = std::min(best[at], DemandModel::kPriceUnit);
  }
  std::array<int32_t, kWholeDevice + 1> out{};
  for (int f = 0; f <= kWholeDevice; ++f)
    out[static_cast<size_t>(f)] = best[static_cast<size_t>(f / kMilliPerUnit)];
  out[kWholeDevice] = DemandModel::kPriceUnit;
  return out;
}

}  // namespace stowage::engine
