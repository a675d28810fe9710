#include "gpu-scheduler/replay/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>

#include "gpu-scheduler/engine/types.h"
#include "gpu-scheduler/replay/trace.h"

namespace stowage::replay {
namespace {

constexpr std::string_view kStyle = R"(<style>
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#6a737d;--grid:#e1e4e8;
--c0:#0b62c4;--c1:#c4500b;--c2:#1a7f37;--c3:#8250df;--c4:#a0124f;--c5:#6b5a00;
--h0:#eef2f6;--h1:#c9def5;--h2:#93c0ee;--h3:#5a9fe0;--h4:#2673c0;--h5:#0a3f78}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--soft:#9aa4af;--grid:#2b323a;
--c0:#6cb0ff;--c1:#ff9d57;--c2:#5fd07a;--c3:#c297ff;--c4:#ff7eb0;--c5:#e3c94c;
--h0:#1c232b;--h1:#17324f;--h2:#1d4f82;--h3:#2d74b8;--h4:#5aa2e6;--h5:#b5dbff}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:960px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}p,figcaption{color:var(--soft)}
table{border-collapse:collapse}th,td{padding:.2em .8em;text-align:right;border-bottom:1px solid var(--grid)}
th:first-child,td:first-child{text-align:left}figure{margin:1em 0}svg{width:100%;height:auto}
text{font:12px system-ui,sans-serif;fill:var(--ink)}.g{stroke:var(--grid);fill:none}.l{fill:none;stroke-width:1.6}
.k{display:inline-block;width:1em;height:1em;vertical-align:-.15em;margin:0 .4em 0 1em}.t{fill:transparent}
</style>)";

constexpr double kWidth = 900;
constexpr double kHeight = 360;
constexpr double kLeft = 60;
constexpr double kRight = 15;
constexpr double kTop = 15;
constexpr double kBottom = 50;
constexpr size_t kColours = 6;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// From the smallest to the largest value, widened to whole steps of 1, 2 or 5 times a power of ten.
struct Axis {
  double low = 0, high = 1, step = 1;

  Axis(double least, double most) {
    if (!(most > least)) most = least + 1;
    const double raw = (most - least) / 6;
    const double power = std::pow(10, std::floor(std::log10(raw)));
    step = power * 10;
    for (double factor : {5.0, 2.0, 1.0}) {
      if (power * factor >= raw) step = power * factor;
    }
    low = std::floor(least / step) * step;
    high = std::ceil(most / step) * step;
  }
  [[nodiscard]] double share(double value) const { return (value - low) / (high - low); }
  [[nodiscard]] int steps() const { return static_cast<int>(std::lround((high - low) / step)); }
};

std::vector<std::string> groups_of(const Plot& plot) {
  std::vector<std::string> out;
  for (const auto& line : plot.lines) {
    if (std::ranges::find(out, line.group) == out.end()) out.push_back(line.group);
  }
  return out;
}

void add_axes(const Plot& plot, const Axis& x, const Axis& y, std::string& out) {
  const double inner_width = kWidth - kLeft - kRight;
  const double inner_height = kHeight - kTop - kBottom;
  for (int i = 0; i <= y.steps(); ++i) {
    const double value = y.low + i * y.step;
    const double at = kTop + inner_height * (1 - y.share(value));
    out += fmt::format(
        R"(<path class="g" d="M{} {:.1f}H{}"/><text x="{}" y="{:.1f}" text-anchor="end">{:.6g}</text>)",
        kLeft, at, kWidth - kRight, kLeft - 6, at + 4, value);
  }
  for (int i = 0; i <= x.steps(); ++i) {
    const double value = x.low + i * x.step;
    const double at = kLeft + inner_width * x.share(value);
    out += fmt::format(
        R"(<path class="g" d="M{:.1f} {}V{}"/><text x="{:.1f}" y="{}" text-anchor="middle">{:.6g}</text>)",
        at, kTop, kHeight - kBottom, at, kHeight - kBottom + 18, value);
  }
  out += fmt::format(R"(<text x="{}" y="{}" text-anchor="middle">{}</text>)", kLeft + inner_width / 2,
                     kHeight - 10, escaped(plot.x_label));
  out += fmt::format(R"h(<text transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>)h",
                     kTop + inner_height / 2, escaped(plot.y_label));
}

void add_plot(const Plot& plot, std::string& out) {
  std::vector<std::pair<double, double>> all;
  for (const auto& line : plot.lines)
    all.insert(all.end(), line.points.begin(), line.points.end());
  if (all.empty()) return;
  using Point = std::pair<double, double>;
  const auto [left, right] = std::ranges::minmax(all, {}, &Point::first);
  const auto [bottom, top] = std::ranges::minmax(all, {}, &Point::second);
  const Axis x(left.first, right.first);
  const Axis y(bottom.second, top.second);
  const auto groups = groups_of(plot);
  out += fmt::format("<h2>{}</h2><figure><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
                     escaped(plot.title), kWidth, kHeight, escaped(plot.title));
  add_axes(plot, x, y, out);
  for (const auto& line : plot.lines) {
    const auto group = static_cast<size_t>(std::ranges::find(groups, line.group) - groups.begin());
    out += fmt::format(R"h(<polyline class="l" stroke="var(--c{})" points=")h", group % kColours);
    for (const auto& [px, py] : line.points) {
      out += fmt::format("{:.1f},{:.1f} ", kLeft + (kWidth - kLeft - kRight) * x.share(px),
                         kTop + (kHeight - kTop - kBottom) * (1 - y.share(py)));
    }
    out += fmt::format("\"><title>{}</title></polyline>", escaped(line.name));
  }
  out += "</svg><figcaption>";
  for (size_t i = 0; i < groups.size(); ++i) {
    out += fmt::format(R"h(<span class="k" style="background:var(--c{})"></span>{})h", i % kColours,
                       escaped(groups[i]));
  }
  out += "</figcaption></figure>\n";
}

// Heat maps: a node is a column of devices, so many columns a line.
constexpr int kCell = 7;
constexpr int kPitch = 8;
constexpr size_t kNodesPerLine = 112;
constexpr std::array<std::string_view, 6> kShares{"idle",       "under 25 %", "25 to 49 %",
                                                  "50 to 74 %", "75 to 99 %", "full"};

size_t bucket_of(int16_t free) {
  const int used = engine::kWholeDevice - free;
  if (used <= 0) return 0;
  if (used >= engine::kWholeDevice) return kShares.size() - 1;
  return static_cast<size_t>(1 + used / 250);
}

/// The nodes of one group below `top`; returns where they end.
int add_group(std::span<const HeatNode* const> nodes, int top, std::array<std::string, kShares.size()>& cells,
              std::string& titles) {
  size_t devices = 0;
  for (const auto* node : nodes)
    devices = std::max(devices, node->free.size());
  const int line_height = static_cast<int>(devices) * kPitch + 6;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const int x = static_cast<int>(i % kNodesPerLine) * kPitch;
    const int y = top + static_cast<int>(i / kNodesPerLine) * line_height;
    int64_t free = 0;
    for (size_t device = 0; device < nodes[i]->free.size(); ++device) {
      free += nodes[i]->free[device];
      cells[bucket_of(nodes[i]->free[device])] +=
          fmt::format("M{} {}h{}v{}h-{}z", x, y + static_cast<int>(device) * kPitch, kCell, kCell, kCell);
    }
    titles += fmt::format(
        R"(<rect class="t" x="{}" y="{}" width="{}" height="{}"><title>{}: {} of {} GPUs free</title></rect>)",
        x, y, kPitch, nodes[i]->free.size() * kPitch, escaped(nodes[i]->name),
        static_cast<double>(free) / engine::kWholeDevice, nodes[i]->free.size());
  }
  return top + static_cast<int>((nodes.size() + kNodesPerLine - 1) / kNodesPerLine) * line_height;
}

void add_map(const HeatMap& map, std::string& out) {
  std::map<std::string, std::vector<const HeatNode*>> groups;
  for (const auto& node : map.nodes) {
    if (!node.free.empty()) groups[node.group].push_back(&node);
  }
  std::array<std::string, kShares.size()> cells;
  std::string titles;
  std::string words;
  int top = 0;
  for (auto& [name, nodes] : groups) {
    std::ranges::sort(nodes, {}, &HeatNode::name);
    words += fmt::format(R"(<text x="0" y="{}">{}, {} nodes</text>)", top + 16,
                         name.empty() ? "GPUs" : escaped(name), nodes.size());
    top = add_group(nodes, top + 22, cells, titles) + 6;
  }
  out += fmt::format("<h2>{}</h2><figure><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}",
                     escaped(map.title), static_cast<int>(kNodesPerLine) * kPitch, std::max(top, 1),
                     escaped(map.title), words);
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].empty()) out += fmt::format(R"h(<path fill="var(--h{})" d="{}"/>)h", i, cells[i]);
  }
  out += titles + "</svg><figcaption>A column is a node, a square a GPU; used:";
  for (size_t i = 0; i < kShares.size(); ++i)
    out += fmt::format(R"h(<span class="k" style="background:var(--h{})"></span>{})h", i, kShares[i]);
  out += "</figcaption></figure>\n";
}

void add_table(const ReportTable& table, std::string& out) {
  const auto row = [&](const std::vector<std::string>& cells, std::string_view tag) {
    out += "<tr>";
    for (const auto& cell : cells)
      out += fmt::format("<{0}>{1}</{0}>", tag, escaped(cell));
    out += "</tr>";
  };
  out += "<h2>Results</h2><table>";
  row(table.head, "th");
  for (const auto& cells : table.rows)
    row(cells, "td");
  out += "</table>\n";
}

}  // namespace

HeatMap heat_map(std::string title, const Trace& trace,
                 const std::vector<std::pair<std::string, std::vector<int16_t>>>& devices) {
  std::map<std::string_view, const TraceNode*> nodes;
  for (const auto& node : trace.nodes)
    nodes[node.name] = &node;
  HeatMap map{.title = std::move(title), .nodes = {}};
  for (const auto& [name, free] : devices)
    map.nodes.push_back({name, nodes.at(name)->model, free});
  return map;
}

std::string to_html(const HtmlReport& report) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title>{1}</head>\n"
      "<body><h1>{0}</h1><p>{2}</p>\n",
      escaped(report.title), kStyle, escaped(report.lead));
  add_table(report.table, out);
  for (const auto& plot : report.plots)
    add_plot(plot, out);
  for (const auto& map : report.maps)
    add_map(map, out);
  return out + "</body></html>\n";
}

}  // namespace stowage::replay
