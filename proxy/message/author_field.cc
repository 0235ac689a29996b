// One text is read in several ways (readings): as it is, decoded, without comments, without
// backslashes, without quotes. In each of them every "@" is looked at alone: what stands before and
// behind it decides what it is. More readings can only find more addresses, all of which must be
// the user's, so a reading that no program has does no harm but to names that look like addresses.
#include "proxy/message/author_field.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/local_part.h"
#include "proxy/base/utf8.h"
#include "proxy/message/encoded_word.h"

namespace sallyport::message {
namespace {

constexpr std::size_t kMostOctets = 8 * 1024;  // of a value
constexpr std::size_t kMostAddresses = 100;    // that differ
constexpr std::size_t kMostBrackets = 100;     // pairs of them
constexpr std::size_t kMostDecodings = 3;      // of encoded words in encoded words
constexpr std::size_t kMostParts = 8;          // of an address with white space between them
constexpr char kEncoded = '\x01';              // stands for an encoded word
constexpr std::size_t kMostQuoted = 100;

constexpr const char* kEncodedInAddress = "has an encoded word in an address";
constexpr const char* kManyParts = "has an address in too many parts";
constexpr const char* kRoute = "has an address with a route";

bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }

/// atext of RFC 5322 section 3.2.3, and what RFC 6532 adds.
bool is_atext(char c) {
  return ascii::is_alnum(c) || is_high(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c));
}

bool is_atext_or_dot(char c) { return c == '.' || is_atext(c); }

bool is_domain_octet(char c) {
  return ascii::is_alnum(c) || is_high(c) || c == '-' || c == '_' || c == '.';
}

/// A name in the DNS that could be that of a mail server: with a dot, and behind the last one
/// something else than a number or a letter.
bool looks_like_domain(std::string_view text) {
  while (text.ends_with('.')) text.remove_suffix(1);
  const std::size_t dot = text.rfind('.');
  if (dot == text.npos || dot == 0) return false;
  const std::string_view top = text.substr(dot + 1);
  return top.size() > 1 && !std::ranges::all_of(top, ascii::is_digit);
}

bool looks_like_literal(std::string_view text) {
  return std::ranges::any_of(text, ascii::is_digit) && text.find_first_of(".:") != text.npos;
}

/// What was found so far.
struct Findings {
  std::vector<smtp::Mailbox> addresses = {};
  std::string fault = {};

  void add_fault(std::string_view what) {
    if (fault.empty()) fault = what;
  }

  /// `local`: what it stands for, without quotes.
  void add(std::string_view local, std::string_view domain) {
    while (domain.ends_with('.')) domain.remove_suffix(1);
    if (local.find_first_of("%!") != local.npos) return add_fault(kRoute);
    auto mailbox = smtp::parse_mailbox(normal_local_part(local) + '@' + std::string(domain), true);
    if (!mailbox)
      return add_fault("has something that is almost an address: " + mailbox.error().text);
    if (std::ranges::find(addresses, *mailbox) != addresses.end()) return;
    if (addresses.size() == kMostAddresses) return add_fault("has too many addresses");
    addresses.push_back(*std::move(mailbox));
  }
};

/// Looks at each "@", "%" and "!" of one reading.
class Reader {
 public:
  Reader(std::string_view text, Findings& findings) : text_(text), findings_(findings) {}

  void read() {
    for (std::size_t at = text_.find_first_of("@%!"); at != text_.npos && findings_.fault.empty();
         at = text_.find_first_of("@%!", at + 1)) {
      text_[at] == '@' ? read_at(at) : read_route(at);
    }
  }

 private:
  /// What stands before an "@".
  struct Left {
    enum class Kind { kNone, kWord, kOpaque, kAt, kInWord };

    Kind kind = Kind::kNone;
    bool quoted = false;
    std::size_t begin = 0;
    std::string content = {};
  };

  char octet(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  std::size_t skip_space(std::size_t at) const {
    while (at < text_.size() && ascii::is_wsp(text_[at])) ++at;
    return at;
  }

  /// The end of what stands before `at`, without white space.
  std::size_t skip_space_back(std::size_t at) const {
    while (at > 0 && ascii::is_wsp(text_[at - 1])) --at;
    return at;
  }

  template <class Predicate>
  std::size_t end_of_run(std::size_t at, Predicate belongs) const {
    while (at < text_.size() && belongs(text_[at])) ++at;
    return at;
  }

  /// The word that ends at `end`.
  Left word_before(std::size_t end) const {
    using enum Left::Kind;
    if (end == 0) return {};
    const char last = text_[end - 1];
    if (last == '"') return quoted_before(end);
    std::size_t begin = end;
    while (begin > 0 && is_atext_or_dot(text_[begin - 1])) --begin;
    if (begin < end) {
      const bool encoded = begin > 0 && text_[begin - 1] == kEncoded;
      return {.kind = encoded                                ? kInWord
                      : begin > 0 && text_[begin - 1] == '@' ? kAt
                                                             : kWord,
              .begin = begin,
              .content = std::string(text_.substr(begin, end - begin))};
    }
    if (last == kEncoded) return {.kind = kInWord};
    if (last == '@') return {.kind = kAt};
    return {.kind = std::string_view(">])\\").contains(last) ? kOpaque : kNone};
  }

  Left quoted_before(std::size_t end) const {
    for (std::size_t begin = end - 1; begin > 0;) {
      begin = text_.rfind('"', begin - 1);
      if (begin == text_.npos) break;
      std::size_t backslashes = 0;
      while (backslashes < begin && text_[begin - 1 - backslashes] == '\\') ++backslashes;
      if (backslashes % 2 != 0) continue;
      return {.kind = Left::Kind::kWord,
              .quoted = true,
              .begin = begin,
              .content = unquoted_local_part(text_.substr(begin, end - begin))};
    }
    return {.kind = Left::Kind::kOpaque};
  }

  void read_at(std::size_t at) {
    const std::size_t left_end = skip_space_back(at);
    Left left = word_before(left_end);
    const std::size_t begin = skip_space(at + 1);
    const bool tight = left_end == at && begin == at + 1;
    if (begin == at + 1 && octet(begin) == kEncoded && left.kind != Left::Kind::kNone) {
      return findings_.add_fault(kEncodedInAddress);
    }
    const bool literal = octet(begin) == '[';
    const std::size_t end = literal ? std::min(text_.find(']', begin), text_.size() - 1) + 1
                                    : end_of_run(begin, is_domain_octet);
    if (end == begin) return;
    std::vector<std::string> domains = {std::string(text_.substr(begin, end - begin))};
    if (!literal) {
      extend_right(end, domains);
      // Nor do all read on behind two dots.
      for (std::size_t i = 0, count = domains.size(); i < count; ++i) {
        const std::size_t dots = domains[i].find("..");
        if (dots != std::string::npos && dots > 0) domains.push_back(domains[i].substr(0, dots));
      }
    }
    const auto is_likely = [literal](const std::string& domain) {
      return literal ? looks_like_literal(domain) : looks_like_domain(domain);
    };
    const bool likely = std::ranges::any_of(domains, is_likely);
    switch (left.kind) {
      case Left::Kind::kNone:
        return;
      case Left::Kind::kOpaque:
        if (likely) findings_.add_fault("has something that is almost an address");
        return;
      case Left::Kind::kAt:
        if (tight || likely) findings_.add_fault("has an address with two \"@\"");
        return;
      case Left::Kind::kInWord:
        if (tight || likely) findings_.add_fault(kEncodedInAddress);
        return;
      case Left::Kind::kWord:
        break;
    }
    if (!tight) std::erase_if(domains, std::not_fn(is_likely));
    if (domains.empty()) return;
    if (left.quoted && left.content.find_first_of("@<>,") != left.content.npos) {
      return findings_.add_fault("has a quoted local part that holds \"@\", \"<\", \">\" or \",\"");
    }
    if (!literal && goes_on(end, left)) {
      return findings_.add_fault("has an address that goes on behind its domain");
    }
    for (const std::string& local : extend_left(std::move(left))) {
      for (const std::string& each : domains) findings_.add(local, each);
    }
  }

  /// An address in quotation marks that are atext ('a@b') is taken out of them. Is there something
  /// else behind its domain that belongs to no domain and that some reader may not stop at?
  bool goes_on(std::size_t end, Left& left) const {
    while (!left.quoted && left.content.size() > 1 && end < text_.size() &&
           std::string_view("'`*").contains(text_[end]) && left.content.front() == text_[end]) {
      left.content.erase(0, 1);
      ++end;
    }
    if (octet(end) == kEncoded) return true;
    const std::size_t rest = end_of_run(end, is_atext_or_dot);
    return std::ranges::any_of(text_.substr(end, rest - end),
                               [](char c) { return ascii::is_alnum(c) || is_high(c); });
  }

  /// RFC 5322 section 4.4, obs-domain: white space may stand around the dots. Some readers stop at
  /// it, others go on.
  void extend_right(std::size_t end, std::vector<std::string>& domains) const {
    while (true) {
      std::size_t next = skip_space(end);
      const bool dotted = domains.back().ends_with('.');
      if (next == end || (!dotted && octet(next) != '.')) return;
      if (!dotted) next = skip_space(next + 1);
      end = end_of_run(next, is_domain_octet);
      if (end == next) return;
      if (domains.size() == kMostParts) return findings_.add_fault(kManyParts);
      domains.push_back(domains.back() + (dotted ? "" : ".") +
                        std::string(text_.substr(next, end - next)));
    }
  }

  /// The same for obs-local-part.
  std::vector<std::string> extend_left(Left left) const {
    std::vector<std::string> locals = {left.content};
    while (true) {
      const std::size_t end = skip_space_back(left.begin);
      if (end == 0) break;
      const bool dotted = locals.back().starts_with('.') && !left.quoted;
      if (!dotted && text_[end - 1] != '.') break;
      left = word_before(end);
      if (left.kind != Left::Kind::kWord) break;
      if (locals.size() == kMostParts) {
        findings_.add_fault(kManyParts);
        break;
      }
      locals.push_back(left.content + locals.back());
    }
    return locals;
  }

  /// `user%host` and `host!user`, without an "@": to the mail servers of old an address.
  void read_route(std::size_t at) {
    std::size_t begin = at;
    while (begin > 0 && is_domain_octet(text_[begin - 1])) --begin;
    if (begin == at) return;
    const std::size_t end = end_of_run(at + 1, is_domain_octet);
    if (end == at + 1 || text_[at + 1] == '.') return;
    const bool percent = text_[at] == '%';
    const std::string_view host =
        percent ? text_.substr(at + 1, end - at - 1) : text_.substr(begin, at - begin);
    if (looks_like_domain(host)) findings_.add_fault(kRoute);
  }

  std::string_view text_;
  Findings& findings_;
};

/// The value as one line. `joined`: white space at the folds goes, too.
std::string unfolded(std::string_view value, bool joined) {
  std::string text;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t fold = std::min(value.find("\r\n", at), value.size());
    text += value.substr(at, fold - at);
    at = std::min(fold + 2, value.size());
    while (joined && at < value.size() && ascii::is_wsp(value[at])) ++at;
  }
  return text;
}

/// Characters beyond ASCII that readers take for ones of ASCII (RFC 3490 section 3.1, NFKC): white
/// space, dots and "@".
std::string in_ascii(std::string_view text) {
  if (utf8::is_ascii(text)) return std::string(text);
  struct Likeness {
    std::string_view character;
    char c;
  };
  static constexpr std::array<Likeness, 14> kLikenesses = {{{"\xc2\xa0", ' '},
                                                            {"\xe2\x80\x82", ' '},
                                                            {"\xe2\x80\x83", ' '},
                                                            {"\xe2\x80\x89", ' '},
                                                            {"\xe2\x80\x8a", ' '},
                                                            {"\xe2\x80\xaf", ' '},
                                                            {"\xe3\x80\x80", ' '},
                                                            {"\xe2\x80\xa4", '.'},
                                                            {"\xe3\x80\x82", '.'},
                                                            {"\xef\xb9\x92", '.'},
                                                            {"\xef\xbc\x8e", '.'},
                                                            {"\xef\xbd\xa1", '.'},
                                                            {"\xef\xb9\xab", '@'},
                                                            {"\xef\xbc\xa0", '@'}}};
  std::string plain;
  while (!text.empty()) {
    const auto like = std::ranges::find_if(
        kLikenesses, [text](const Likeness& each) { return text.starts_with(each.character); });
    plain += like == kLikenesses.end() ? text.front() : like->c;
    text.remove_prefix(like == kLikenesses.end() ? 1 : like->character.size());
  }
  return plain;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return ascii::is_control(c) && c != '\t'; });
}

/// `text` with `kEncoded` in the place of each of its encoded words.
std::string masked(std::string_view text, const std::vector<EncodedWord>& words) {
  std::string rest;
  std::size_t at = 0;
  for (const EncodedWord& word : words) {
    rest.append(text.substr(at, word.begin - at)) += kEncoded;
    at = word.end;
  }
  return rest.append(text.substr(at));
}

/// `text` as a reader sees it that decodes nothing, without the marks of encoded words. They stay
/// words, before which an "@" may stand.
std::string undecoded(std::string_view text, const std::vector<EncodedWord>& words) {
  std::string rest;
  std::size_t at = 0;
  for (const EncodedWord& word : words) {
    rest.append(text.substr(at, word.begin - at)).append(" = ");
    rest.append(text.substr(word.text_begin, word.text_end - word.text_begin)).append(" = ");
    at = word.end;
  }
  return rest.append(text.substr(at));
}

/// For each octet: whether it belongs to a comment that is closed. Parentheses behind a backslash
/// open and close none.
std::vector<bool> comments_of(std::string_view text) {
  std::vector<int> begins(text.size() + 1);  // comments that begin at an octet, less those that end
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      open.push_back(i);
    } else if (text[i] == ')' && !open.empty()) {
      ++begins[open.back()];
      --begins[i + 1];
      open.pop_back();
    }
  }
  std::vector<bool> inside(text.size());
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    depth += begins[i];
    inside[i] = depth > 0;
  }
  return inside;
}

std::string without_comments(std::string_view text, std::string_view in_place) {
  const std::vector<bool> inside = comments_of(text);
  std::string rest;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!inside[i]) {
      rest += text[i];
    } else if (i == 0 || !inside[i - 1]) {
      rest += in_place;
    }
  }
  return rest;
}

std::string without_backslashes(std::string_view text) {
  std::string rest;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    rest += text[i];
  }
  return rest;
}

std::string without(std::string_view text, char c) {
  std::string rest(text);
  std::erase(rest, c);
  return rest;
}

bool has_quoted_domain(std::string_view text) {
  for (std::size_t at = text.find('@'); at != text.npos; at = text.find('@', at + 1)) {
    const std::size_t next = text.find_first_not_of(" \t", at + 1);
    if (next != text.npos && text[next] == '"') return true;
  }
  return false;
}

std::string with_spaces_for_quotes(std::string text) {
  std::ranges::replace(text, '"', ' ');
  return text;
}

/// Reads `text` in each way.
void read_all_ways(std::string text, Findings& findings) {
  std::vector<std::string> readings = {std::move(text)};
  const auto add_for_each = [&](char needs, auto make) {
    for (std::size_t i = 0, count = readings.size(); i < count; ++i) {
      if (readings[i].contains(needs)) readings.push_back(make(readings[i]));
    }
  };
  add_for_each('(', [](const std::string& each) { return without_comments(each, " "); });
  if (readings.front().contains('(')) readings.push_back(without_comments(readings.front(), ""));
  add_for_each('\\', [](const std::string& each) { return without_backslashes(each); });
  const auto unquoted = readings.size();
  add_for_each('"', [](const std::string& each) { return without(each, '"'); });
  // A quoted string where a domain belongs: to some readers it ends with the quote.
  for (std::size_t i = 0; i < unquoted; ++i) {
    if (has_quoted_domain(readings[i])) readings.push_back(with_spaces_for_quotes(readings[i]));
  }
  for (const std::string& each : readings) Reader(each, findings).read();
}

/// Reads `text`, in which "_" may stand for a space: a name whose last label has one is no domain.
void read_undecoded(std::string text, Findings& findings) {
  bool dotted = false;  // a dot ends the label
  for (std::size_t i = text.size(); i-- > 0;) {
    const char c = text[i];
    if (!is_domain_octet(c) || c == '.') {
      dotted = c == '.';
    } else if (c == '_' && !dotted) {
      text[i] = ' ';
    }
  }
  Reader(text, findings).read();
}

/// Where the quoted string that begins at `begin` ends, behind its last quote; npos if it does not.
std::size_t end_of_quoted(std::string_view text, std::size_t begin) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.npos;
}

/// Where the comment that begins at `begin` ends; npos if it does not.
std::size_t end_of_comment(std::string_view text, std::size_t begin) {
  std::size_t depth = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth == 0) {
      return i + 1;
    }
  }
  return text.npos;
}

/// What a strict reader takes addresses from: without comments, encoded words and quoted strings,
/// but for those that are a local part. A quote or parenthesis that is not closed is a character.
std::string strict_text(std::string_view text) {
  std::string strict;
  bool quotes = true;
  bool comments = true;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"' && quotes) {
      const std::size_t end = end_of_quoted(text, i);
      quotes = end != text.npos;  // none behind it is closed either
      if (!quotes) continue;
      const bool local = text.substr(end).starts_with('@');
      strict += local ? "x" : " ";
      i = end;
    } else if (c == '(' && comments) {
      const std::size_t end = end_of_comment(text, i);
      if (end == text.npos) {
        comments = false;
        continue;
      }
      strict += ' ';
      i = end;
    } else {
      strict += c == kEncoded ? ' ' : c;
      ++i;
    }
  }
  return strict;
}

bool has_address(std::string_view strict) {
  Findings findings;
  Reader(strict, findings).read();
  return !findings.addresses.empty() || !findings.fault.empty();
}

/// RFC 5322 section 3.4: an angle-addr is an address, and nothing but. A source route is another
/// address to some readers, and a local part alone is one as soon as a server completes it.
std::optional<const char*> fault_in_brackets(std::string_view strict) {
  std::size_t pairs = 0;
  for (std::size_t open = strict.find('<'); open != strict.npos;
       open = strict.find('<', open + 1)) {
    if (++pairs > kMostBrackets) return "has too many angle brackets";
    const std::size_t close = strict.find('>', open);
    if (close == strict.npos) break;
    const std::string_view inside = ascii::trim(strict.substr(open + 1, close - open - 1));
    if (inside.starts_with('@')) return kRoute;
    if (!has_address(inside)) return "has angle brackets without an address";
  }
  return std::nullopt;
}

std::unexpected<Error> invalid(std::string text) {
  return fail(ErrorCode::kInvalid, std::move(text));
}

}  // namespace

Result<std::vector<smtp::Mailbox>> claimed_addresses(std::string_view value) {
  if (value.size() > kMostOctets) return invalid("is too long");
  std::string text = unfolded(value, false);
  if (has_control(text)) return invalid("has a control character");

  Findings findings;
  std::vector<EncodedWord> words = find_encoded_words(text);
  const std::string plain = masked(text, words);
  const std::string strict = strict_text(plain);
  if (!has_address(strict)) return invalid("holds no address");
  if (const auto fault = fault_in_brackets(strict)) return invalid(*fault);
  read_all_ways(in_ascii(plain), findings);
  if (!words.empty()) read_undecoded(undecoded(text, words), findings);
  if (value.contains("\r\n")) {
    const std::string joined = unfolded(value, true);
    read_all_ways(in_ascii(masked(joined, find_encoded_words(joined))), findings);
  }
  for (std::size_t i = 0; !words.empty() && findings.fault.empty(); ++i) {
    if (std::ranges::any_of(words, &EncodedWord::opaque)) {
      return invalid("has an encoded word in a charset that is not known here");
    }
    if (i == kMostDecodings) return invalid("has encoded words inside encoded words");
    const std::string spaced = decode_one_by_one(text, words);
    text = decode_encoded_words(text, words);
    if (has_control(text)) return invalid("has a control character in an encoded word");
    words = find_encoded_words(text);
    read_all_ways(in_ascii(masked(text, words)), findings);
    if (spaced != text) read_all_ways(in_ascii(spaced), findings);
  }
  if (!findings.fault.empty()) return invalid(std::move(findings.fault));
  // What looks like an address may turn out to be none once characters beyond ASCII are read as
  // white space: then there is nothing whose rights could be checked.
  if (findings.addresses.empty()) return invalid("holds no address");
  return std::move(findings.addresses);
}

std::string quotable(std::string_view value) {
  std::string text;
  bool space = false;
  for (const char c : value) {
    if (ascii::is_wsp(c) || c == '\r' || c == '\n') {
      space = !text.empty();
      continue;
    }
    if (std::exchange(space, false)) text += ' ';
    text += c > ' ' && c < 0x7f ? c : '?';
    if (text.size() > kMostQuoted) {
      text.resize(kMostQuoted - 3);
      return text + "...";
    }
  }
  return text;
}

}  // namespace sallyport::message
