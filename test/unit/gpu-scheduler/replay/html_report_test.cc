#include "gpu-scheduler/replay/html_report.h"

#include <catch2/catch.hpp>
#include <string>

namespace stowage::replay {
namespace {

size_t count(const std::string& text, std::string_view word) {
  size_t out = 0;
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size())
    ++out;
  return out;
}

TEST_CASE("report: a line a run, a square a GPU by its share, a table, nothing from outside") {
  HtmlReport report{.title = "<trace>", .lead = "A & B", .table = {{"a", "b"}, {{"1", "2"}}}};
  report.plots.push_back({"Plot", "x", "y", {{"one", "FGD", {{0, 0}, {100, 95}}}, {"two", "FGD", {{0, 0}}}}});
  report.maps.push_back({"Map", {{"n1", "T4", {0, 1000, 600}}, {"cpu", "", {}}}});
  const std::string html = to_html(report);
  CHECK(html.starts_with("<!DOCTYPE html>"));
  CHECK(html.ends_with("</body></html>\n"));
  CHECK(html.find("<h1>&lt;trace&gt;</h1><p>A &amp; B</p>") != std::string::npos);
  CHECK(html.find("<tr><td>1</td><td>2</td></tr>") != std::string::npos);
  CHECK(count(html, "<polyline") == 2);
  CHECK(count(html, "var(--c0)\"></span>FGD") == 1);
  CHECK(html.find("<path fill=\"var(--h0)\" d=\"M0 30h7v7h-7z\"/>") != std::string::npos);
  CHECK(html.find("<path fill=\"var(--h2)\" d=\"M0 38h7v7h-7z\"/>") != std::string::npos);
  CHECK(html.find("<path fill=\"var(--h5)\" d=\"M0 22h7v7h-7z\"/>") != std::string::npos);
  CHECK(html.find("n1: 1.6 of 3 GPUs free") != std::string::npos);
  CHECK(html.find("cpu:") == std::string::npos);
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
}

TEST_CASE("report of one point and of none: numbers all the same") {
  HtmlReport report;
  report.plots.push_back({"Plot", "x", "y", {{"one", "FGD", {{5, 5}}}}});
  report.plots.push_back({"Empty", "x", "y", {}});
  report.maps.push_back({"Map", {}});
  const std::string html = to_html(report);
  CHECK(html.find("nan") == std::string::npos);
  CHECK(html.find("inf") == std::string::npos);
  CHECK(html.find("Empty") == std::string::npos);
}

TEST_CASE("1,300 nodes of eight GPUs: the page stays below 500 kB") {
  HtmlReport report;
  HeatMap map{.title = "Map", .nodes = {}};
  for (int i = 0; i < 1300; ++i)
    map.nodes.push_back({"openb-node-" + std::to_string(i), "G2", std::vector<int16_t>(8, 430)});
  report.maps.push_back(std::move(map));
  CHECK(to_html(report).size() < 500'000);
}

}  // namespace
}  // namespace stowage::replay
