#include "cli/text_table.h"

#include <algorithm>

namespace tt::cli {
namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string line_of(const std::vector<Column>& columns, const std::vector<std::size_t>& widths,
                    const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string padding(widths[i] - width_of(cells[i]), ' ');
    line += (i > 0 ? "  " : "") + (columns[i].right ? padding + cells[i] : cells[i] + padding);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string table_text(const std::vector<Column>& columns,
                       const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  std::vector<std::string> titles;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    titles.push_back(columns[i].title);
    widths.push_back(width_of(columns[i].title));
    for (const std::vector<std::string>& row : rows) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text = line_of(columns, widths, titles);
  for (const std::vector<std::string>& row : rows) text += line_of(columns, widths, row);
  return text;
}

}  // namespace tt::cli
