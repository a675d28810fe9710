#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace stowage::replay {

struct Trace;

/// One line of a plot. Lines of one group (say, a strategy) share colour and legend.
struct PlotLine {
  std::string name;  ///< Shown when the pointer rests on the line.
  std::string group;
  std::vector<std::pair<double, double>> points;  ///< In the order of x.
};

struct Plot {
  std::string title, x_label, y_label;
  std::vector<PlotLine> lines;
};

/// One node of a heat map.
struct HeatNode {
  std::string name;
  std::string group;          ///< GPU model: nodes of one are shown together.
  std::vector<int16_t> free;  ///< Free thousandths by device.
};

struct HeatMap {
  std::string title;
  std::vector<HeatNode> nodes;  ///< In any order; those without devices are left out.
};

/// Of the trace's nodes, grouped by GPU model. `devices`: free thousandths by node.
HeatMap heat_map(std::string title, const Trace& trace,
                 const std::vector<std::pair<std::string, std::vector<int16_t>>>& devices);

struct ReportTable {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

struct HtmlReport {
  std::string title, lead;
  ReportTable table;
  std::vector<Plot> plots;
  std::vector<HeatMap> maps;
};

/// One self-contained file for a browser: inline SVG, no script, nothing from the network, light and dark as
/// the reader's system has it. Size: about 16 bytes a device and 100 a node of each map, 12 a point.
std::string to_html(const HtmlReport& report);

}  // namespace stowage::replay
