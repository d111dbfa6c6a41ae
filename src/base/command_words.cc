#include <optional>

#include "base/command.h"
#include "base/error.h"
#include "base/text.h"

namespace tt::base {
namespace {

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw Error(ErrorKind::usage, "unusable command " + quoted(text) + ", " + why,
              "write it as for a shell: words between blanks, quotes around words with blanks");
}

bool is_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n';
}

// Walks the text once; `word_` is empty between words.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<std::string> words() {
    while (at_ < text_.size()) step();
    end_word();
    if (words_.empty() || words_.front().empty()) refuse(text_, "it names no program");
    return std::move(words_);
  }

 private:
  void step() {
    const char letter = text_[at_++];
    if (is_blank(letter)) return end_word();
    if (!word_) word_.emplace();
    if (letter == '\'')
      single_quotes();
    else if (letter == '"')
      double_quotes();
    else if (letter == '\\')
      backslash();
    else
      *word_ += letter;
  }

  void end_word() {
    if (word_) words_.push_back(std::move(*word_));
    word_.reset();
  }

  char next(const char* open) {
    if (at_ == text_.size()) refuse(text_, std::string("it ends inside ") + open);
    return text_[at_++];
  }

  void single_quotes() {
    for (char letter = next("single quotes"); letter != '\''; letter = next("single quotes"))
      *word_ += letter;
  }

  void double_quotes() {
    for (char letter = next("double quotes"); letter != '"'; letter = next("double quotes")) {
      if (letter == '\\') {
        letter = next("double quotes");
        if (letter == '\n') continue;
        if (std::string_view("$`\"\\").find(letter) == std::string_view::npos) *word_ += '\\';
      }
      *word_ += letter;
    }
  }

  void backslash() {
    const char letter = next("a backslash");
    if (letter != '\n') *word_ += letter;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<std::string> word_;
  std::vector<std::string> words_;
};

}  // namespace

std::vector<std::string> split_command(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) refuse(text, "it has a zero byte");
  return Splitter(text).words();
}

}  // namespace tt::base
