#include "proxy/message/address_list.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::message {
namespace {

// RFC 5322 section 3.2.3: atext; octets above 127 by RFC 6532.
bool is_atext(char c) {
  return ascii::is_alnum(c) || static_cast<unsigned char>(c) > 127 ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

struct Token {
  enum class Kind { kAtom, kQuoted, kLiteral, kSpecial, kEnd, kFault };

  Kind kind = Kind::kEnd;
  std::string text;  // a quoted string without its quotes and backslashes; a literal with brackets
  bool spaced = false;  // white space or a comment comes before it

  bool is(char special) const { return kind == Kind::kSpecial && text[0] == special; }
  bool is_word() const { return kind == Kind::kAtom || kind == Kind::kQuoted; }
};

/// Cuts a field's value into tokens; white space and comments only show in `spaced`.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  Token next() {
    const auto before = rest_.size();
    if (!skip_white_space_and_comments()) return {Token::Kind::kFault, {}, false};
    const bool spaced = rest_.size() != before;
    if (rest_.empty()) return {Token::Kind::kEnd, {}, spaced};
    Token token = read();
    token.spaced = spaced;
    return token;
  }

 private:
  Token read() {
    const char first = rest_[0];
    if (first == '"') return read_quoted();
    if (first == '[') return read_literal();
    if (is_atext(first)) {
      const auto end = std::ranges::find_if_not(rest_, is_atext);
      return {Token::Kind::kAtom, std::string(take(static_cast<std::size_t>(end - rest_.begin()))),
              false};
    }
    if (std::string_view("<>:;@,.").contains(first)) {
      return {Token::Kind::kSpecial, std::string(take(1)), false};
    }
    return {Token::Kind::kFault, {}, false};  // a control, or one of ) ] \ where it has no meaning
  }

  Token read_quoted() {
    Token token{Token::Kind::kQuoted, {}, false};
    take(1);
    while (!rest_.empty()) {
      if (skip_line_end()) continue;
      const char c = take(1)[0];
      if (c == '"') return token;
      if (c == '\\' && !rest_.empty()) {
        token.text += take(1);
      } else {
        token.text += c;
      }
      if (ascii::is_control(token.text.back()) && token.text.back() != '\t') break;
    }
    return {Token::Kind::kFault, {}, false};
  }

  Token read_literal() {
    const auto end = rest_.find(']');
    if (end == std::string_view::npos) return {Token::Kind::kFault, {}, false};
    return {Token::Kind::kLiteral, std::string(take(end + 1)), false};
  }

  // False: a comment has no end.
  bool skip_white_space_and_comments() {
    while (!rest_.empty()) {
      if (ascii::is_wsp(rest_[0])) {
        take(1);
      } else if (rest_[0] == '(') {
        if (!skip_comment()) return false;
      } else if (!skip_line_end()) {
        return true;
      }
    }
    return true;
  }

  bool skip_comment() {
    std::size_t depth = 0;
    while (!rest_.empty()) {
      if (skip_line_end()) continue;
      const char c = take(1)[0];
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return true;
      if (c == '\\' && !rest_.empty()) take(1);
      if (ascii::is_control(c) && c != '\t') return false;
    }
    return false;
  }

  // CRLF is white space only where the line is folded.
  bool skip_line_end() {
    if (!rest_.starts_with("\r\n") || rest_.size() < 3 || !ascii::is_wsp(rest_[2])) return false;
    take(2);
    return true;
  }

  std::string_view take(std::size_t count) {
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
};

std::unexpected<Error> fault(const char* what) { return fail(ErrorCode::kInvalid, what); }

/// Words with dots between them and nothing else: `john.doe`, `"john doe"`. Where white space or
/// comments stand between (obsolete since 2001), readers disagree about what the address is.
bool is_dotted(const std::vector<Token>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i % 2 == 0 ? !words[i].is_word() : !words[i].is('.')) return false;
    if (i > 0 && words[i].spaced) return false;
  }
  return words.size() % 2 == 1;
}

/// The local part in its canonical form: quoted only where it must be.
std::string canonical_local(const std::vector<Token>& words) {
  std::string plain;
  for (const Token& word : words) plain += word.text;
  const bool dot_atom = !plain.empty() && plain.front() != '.' && plain.back() != '.' &&
                        !plain.contains("..") &&
                        std::ranges::all_of(plain, [](char c) { return is_atext(c) || c == '.'; });
  if (dot_atom) return plain;
  std::string quoted = "\"";
  for (const char c : plain) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

class Parser {
 public:
  explicit Parser(std::string_view value) : lexer_(value) { advance(); }

  Result<std::vector<smtp::Mailbox>> parse() {
    while (true) {
      const auto read = address(/*in_group=*/false);
      if (!read) return fail(read.error());
      if (token_.kind == Token::Kind::kEnd) return std::move(mailboxes_);
      if (!token_.is(',')) return fault("something follows an address that is no comma");
      advance();
    }
  }

 private:
  void advance() { token_ = lexer_.next(); }

  // [address]: empty elements of a list are an obsolete form, and harmless.
  Result<void> address(bool in_group) {
    if (token_.is('<')) return angle_address();
    std::vector<Token> words;
    while (token_.is_word() || token_.is('.')) {
      words.push_back(std::move(token_));
      advance();
    }
    if (token_.is('@')) return mailbox(words);
    if (words.empty()) return {};
    if (token_.is('<')) return angle_address();
    if (token_.is(':') && !in_group) return group();
    return fault("a name without an address, or with special characters outside of quotes");
  }

  Result<void> angle_address() {
    advance();
    std::vector<Token> words;
    while (token_.is_word() || token_.is('.')) {
      words.push_back(std::move(token_));
      advance();
    }
    const auto read = mailbox(words);
    if (!read) return read;
    if (!token_.is('>')) return fault("an address with '<' and no '>'");
    advance();
    return {};
  }

  Result<void> group() {
    do {
      advance();
      const auto read = address(/*in_group=*/true);
      if (!read) return read;
    } while (token_.is(','));
    if (!token_.is(';')) return fault("a group of addresses without ';'");
    advance();
    return {};
  }

  // `words` were read; the token is what follows them and should be `@`.
  Result<void> mailbox(const std::vector<Token>& words) {
    if (!is_dotted(words) || !token_.is('@')) return fault("an address that is not local@domain");
    advance();
    std::string domain;
    if (token_.kind == Token::Kind::kLiteral) {
      domain = token_.text;
      advance();
    } else {
      for (bool first = true; token_.kind == Token::Kind::kAtom || token_.is('.'); first = false) {
        if (!first && token_.spaced) break;
        domain += token_.text;
        advance();
      }
    }
    auto parsed = smtp::parse_mailbox(canonical_local(words) + '@' + domain, /*allow_utf8=*/true);
    if (!parsed) return fail(std::move(parsed).error());
    mailboxes_.push_back(*std::move(parsed));
    return {};
  }

  Lexer lexer_;
  Token token_;
  std::vector<smtp::Mailbox> mailboxes_;
};

}  // namespace

Result<std::vector<smtp::Mailbox>> parse_address_list(std::string_view value) {
  return Parser(value).parse();
}

}  // namespace sallyport::message
