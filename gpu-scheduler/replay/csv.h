#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stowage::replay {

/// A table of text whose first line names the columns. Lines end with LF or CRLF; a byte order mark and empty
/// lines are skipped; cells may be quoted as in RFC 4180 ("a,b", "" for a quote), within one line. Blanks
/// around cells that are not quoted are dropped. Every error is kInvalidArgument and begins with
/// "file:line: ".
class CsvTable {
 public:
  /// Errors also: no line at all, a column named twice, a line with another number of cells, a quote that is
  /// not closed.
  static Result<CsvTable> parse(std::string_view text, std::string file);

  [[nodiscard]] size_t size() const { return rows_.size(); }
  /// Column of the name, or -1.
  [[nodiscard]] int column(std::string_view name) const;
  /// Error: names the columns there are.
  [[nodiscard]] Result<int> required(std::string_view name) const;
  [[nodiscard]] const std::string& cell(size_t row, int column) const {
    return rows_[row][static_cast<size_t>(column)];
  }
  /// The whole number in the cell, 0..limit; "1.0" counts as 1.
  [[nodiscard]] Result<int64_t> number(size_t row, int column, int64_t limit) const;
  /// The text in the cell. Error: it is empty.
  [[nodiscard]] Result<std::string> text(size_t row, int column) const;
  [[nodiscard]] size_t line(size_t row) const { return lines_[row]; }
  /// An error about the row.
  [[nodiscard]] std::unexpected<Error> wrong(size_t row, std::string_view sentence) const;

 private:
  std::string file_;
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> lines_;
};

/// The text without a byte order mark at its front.
std::string_view without_bom(std::string_view text);
/// Takes the first line off `text`, without its LF or CRLF.
std::string_view take_line(std::string_view& text);

}  // namespace stowage::replay
