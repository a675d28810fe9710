#include "gpu-scheduler/engine/demand_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/random.h"

namespace stowage::engine {

Result<std::shared_ptr<const DemandModel>> DemandModel::build(std::vector<TypicalPod> pods) {
  if (pods.empty()) return fail(Code::kInvalidArgument, "demand model: no typical pods");
  std::shared_ptr<DemandModel> model(new DemandModel());
  __int128 weight_sum = 0;
  for (size_t i = 0; i < pods.size(); ++i) {
    const auto& pod = pods[i];
    if (pod.weight < 1 || pod.cpu_milli < 0 || pod.count < 0 ||
        pod.count > static_cast<int32_t>(kMaxDevices) || pod.milli < 1 || pod.milli > kWholeDevice ||
        (pod.milli < kWholeDevice && pod.count > 1)) {
      return fail(Code::kInvalidArgument,
                  fmt::format("demand model: entry {} has weight {}, cpu {}, {} devices of {}/1000", i,
                              pod.weight, pod.cpu_milli, pod.count, pod.milli));
    }
    weight_sum += pod.weight;
    for (const auto& product : pod.products) {
      if (std::ranges::find(model->products_, product) == model->products_.end())
        model->products_.push_back(product);
    }
  }
  if (model->products_.size() > kMaxProducts) {
    return fail(Code::kInvalidArgument,
                fmt::format("demand model: {} products, at most {}", model->products_.size(), kMaxProducts));
  }
  std::ranges::sort(model->products_);
  uint64_t hash = 0xcbf29ce484222325ULL;
  auto mix = [&](uint64_t value) { hash = (hash ^ value) * 0x100000001b3ULL + (hash >> 31); };
  for (const auto& pod : pods) {
    uint64_t mask = pod.products.empty() ? ~uint64_t{0} : 0;
    for (const auto& product : pod.products)
      mask |= uint64_t{1} << model->product_index(product);
    auto weight =
        static_cast<int64_t>((static_cast<__int128>(pod.weight) * kWeightSum + weight_sum / 2) / weight_sum);
    if (weight == 0) continue;
    model->entries_.push_back({pod.cpu_milli, pod.count, pod.milli, mask, weight});
    mix(static_cast<uint64_t>(pod.cpu_milli)), mix(static_cast<uint64_t>(pod.demand())), mix(mask);
    mix(static_cast<uint64_t>(pod.count)), mix(static_cast<uint64_t>(weight));
  }
  for (const auto& product : model->products_) {
    for (char c : product)
      mix(static_cast<unsigned char>(c));
  }
  model->fingerprint_ = hash;
  model->hole_price_ = cutting_stock_prices(model->entries_);
  model->draw_samples();
  return model;
}

std::shared_ptr<const DemandModel> DemandModel::builtin() {
  static const auto kModel = [] {
    std::vector<TypicalPod> pods;
    for (auto [count, weight] : {std::pair{1, 40}, {2, 20}, {4, 15}, {8, 15}}) {
      pods.push_back({.cpu_milli = 4000 * count, .count = count, .weight = weight});
    }
    pods.push_back({.cpu_milli = 2000, .count = 1, .milli = 500, .weight = 5});
    pods.push_back({.cpu_milli = 1000, .count = 1, .milli = 250, .weight = 5});
    auto model = build(std::move(pods));
    STOWAGE_CHECK(model.has_value(), "the built-in demand is valid");
    return *model;
  }();
  return kModel;
}

uint32_t DemandModel::product_index(std::string_view product) const {
  auto it = std::ranges::lower_bound(products_, product);
  if (it == products_.end() || *it != product) return kMaxProducts;
  return static_cast<uint32_t>(it - products_.begin());
}

/// Position j of the samples is drawn from the kSamples strata of the distribution, in shuffled order: the
/// samples differ from one another and together follow the demand closely. Probability is frequency x GPU
/// demand.
void DemandModel::draw_samples() {
  std::vector<uint32_t> ids;
  std::vector<int64_t> cumulative;
  int64_t sum = 0;
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    int64_t mass = entries_[i].weight * entries_[i].count * entries_[i].milli / 1000;
    if (mass <= 0) continue;
    ids.push_back(i);
    cumulative.push_back(sum += mass);
  }
  if (ids.empty()) return;
  Random random(2);
  std::array<int, kSamples> strata{};
  for (int position = 0; position < kSampleSize; ++position) {
    std::iota(strata.begin(), strata.end(), 0);
    for (size_t i = kSamples - 1; i > 0; --i)
      std::swap(strata[i], strata[random.below(i + 1)]);
    for (size_t k = 0; k < kSamples; ++k) {
      int64_t low = sum / kSamples * strata[k];
      int64_t point = low + static_cast<int64_t>(random.below(static_cast<uint64_t>(sum / kSamples) + 1));
      auto at = std::ranges::upper_bound(cumulative, point) - cumulative.begin();
      samples_[k].push_back(ids[std::min(static_cast<size_t>(at), ids.size() - 1)]);
    }
  }
  for (auto& sample : samples_) {
    std::ranges::stable_sort(sample, [&](uint32_t a, uint32_t b) {
      return int64_t{entries_[a].count} * entries_[a].milli > int64_t{entries_[b].count} * entries_[b].milli;
    });
  }
}

}  // namespace stowage::engine
