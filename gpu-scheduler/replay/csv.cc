#include "gpu-scheduler/replay/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace stowage::replay {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::unexpected<Error> at_line(std::string_view file, size_t line, std::string_view sentence) {
  return fail(Code::kInvalidArgument, fmt::format("{}:{}: {}", file, line, sentence));
}

/// The cells of a line; nullopt when a quote is not closed or text follows one.
std::optional<std::vector<std::string>> cells_of(std::string_view line) {
  std::vector<std::string> out;
  while (true) {
    const size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos || line[start] != '"') {
      const size_t end = line.find(',');
      out.emplace_back(trimmed(line.substr(0, end)));
      if (end == std::string_view::npos) return out;
      line.remove_prefix(end + 1);
      continue;
    }
    line.remove_prefix(start + 1);
    std::string cell;
    while (true) {
      const size_t quote = line.find('"');
      if (quote == std::string_view::npos) return std::nullopt;
      cell += line.substr(0, quote);
      line.remove_prefix(quote + 1);
      if (!line.starts_with('"')) break;
      cell += '"';
      line.remove_prefix(1);
    }
    out.push_back(std::move(cell));
    const size_t next = line.find_first_not_of(" \t");
    if (next == std::string_view::npos) return out;
    if (line[next] != ',') return std::nullopt;
    line.remove_prefix(next + 1);
  }
}

}  // namespace

std::string_view without_bom(std::string_view text) {
  constexpr std::string_view kBom = "\xEF\xBB\xBF";
  return text.starts_with(kBom) ? text.substr(kBom.size()) : text;
}

std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<CsvTable> CsvTable::parse(std::string_view text, std::string file) {
  CsvTable table;
  table.file_ = std::move(file);
  text = without_bom(text);
  for (size_t number = 1; !text.empty(); ++number) {
    const auto line = take_line(text);
    if (trimmed(line).empty()) continue;
    auto cells = cells_of(line);
    if (!cells) return at_line(table.file_, number, "a quoted cell does not end, or text follows it");
    if (table.header_.empty()) {
      table.header_ = *std::move(cells);
      for (const auto& name : table.header_) {
        if (std::ranges::count(table.header_, name) > 1)
          return at_line(table.file_, number, fmt::format("the column \"{}\" stands twice", name));
      }
      continue;
    }
    if (cells->size() != table.header_.size()) {
      return at_line(table.file_, number,
                     fmt::format("{} columns, the header has {}", cells->size(), table.header_.size()));
    }
    table.rows_.push_back(*std::move(cells));
    table.lines_.push_back(number);
  }
  if (table.header_.empty()) return at_line(table.file_, 1, "the file is empty");
  return table;
}

int CsvTable::column(std::string_view name) const {
  const auto it = std::ranges::find(header_, name);
  return it == header_.end() ? -1 : static_cast<int>(it - header_.begin());
}

Result<int> CsvTable::required(std::string_view name) const {
  const int at = column(name);
  if (at < 0) {
    return at_line(file_, 1, fmt::format("no column \"{}\"; there are: {}", name, fmt::join(header_, ", ")));
  }
  return at;
}

Result<int64_t> CsvTable::number(size_t row, int column, int64_t limit) const {
  const std::string& text = cell(row, column);
  const auto refuse = [&](std::string_view why) {
    return wrong(row, fmt::format("{} is \"{}\": {}", header_[static_cast<size_t>(column)], text, why));
  };
  int64_t value = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  const std::string_view rest(end, static_cast<size_t>(last - end));
  // Some lists write whole numbers as "1.0".
  const bool whole =
      rest.empty() || (rest.starts_with('.') && rest.find_first_not_of('0', 1) == std::string_view::npos);
  if (error == std::errc::invalid_argument || !whole)
    return refuse(fmt::format("must be a whole number from 0 to {}", limit));
  if (text.starts_with('-')) return refuse("must not be negative");
  if (error == std::errc::result_out_of_range || value > limit)
    return refuse(fmt::format("must be at most {}", limit));
  return value;
}

Result<std::string> CsvTable::text(size_t row, int column) const {
  const std::string& text = cell(row, column);
  if (text.empty()) return wrong(row, fmt::format("{} is empty", header_[static_cast<size_t>(column)]));
  return text;
}

std::unexpected<Error> CsvTable::wrong(size_t row, std::string_view sentence) const {
  return at_line(file_, lines_[row], sentence);
}

}  // namespace stowage::replay
