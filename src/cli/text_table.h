// Aligned columns for people.
#pragma once

#include <string>
#include <vector>

namespace tt::cli {

struct Column {
  std::string title;
  bool right = false;  // numbers
};

// Rows of one cell a column, two spaces between columns, no spaces at the ends of lines. Widths count
// characters of UTF-8, not bytes.
std::string table_text(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows);

}  // namespace tt::cli
