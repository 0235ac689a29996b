#include "tests/fuzz/session/oracle.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sallyport::fuzz {
namespace {

constexpr std::size_t kMostLine = 12288 + 2;
constexpr std::string_view kCrlf = "\r\n";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string upper(std::string_view text) {
  std::string raised(text);
  std::ranges::transform(raised, raised.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  return raised;
}

/// RFC 5321 section 2.3.8: CR and LF only together, and RFC 5322 section 4: no NUL.
bool is_clean(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return false;
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return false;
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return false;
  }
  return true;
}

/// The line that begins at `at`, with its CRLF if it has one.
std::string_view line_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find(kCrlf, at);
  return end == text.npos ? text.substr(at) : text.substr(at, end + 2 - at);
}

/// The name of the header field that `line` begins, in upper case; empty if it begins none.
std::string field_name(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] > ' ' && line[end] < 127 && line[end] != ':') ++end;
  std::size_t colon = end;
  while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  const bool is_field = end > 0 && colon < line.size() && line[colon] == ':' && colon <= 998;
  return is_field ? upper(line.substr(0, end)) : std::string();
}

/// Fields of this name, in upper case, in the header section of `text`.
std::size_t count_fields(std::string_view text, std::string_view wanted) {
  std::size_t count = 0;
  bool in_field = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = line_at(text, at);
    at += line.size();
    if (in_field && (line.front() == ' ' || line.front() == '\t')) continue;
    const std::string name = field_name(line);
    if (name.empty()) break;
    in_field = true;
    count += name == wanted ? 1 : 0;
  }
  return count;
}

/// What is handed on of `text`: no Bcc field, and an empty line where the header section ends.
std::string without_bcc(std::string_view text) {
  std::string kept;
  bool in_field = false;
  bool dropping = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = line_at(text, at);
    const bool goes_on = in_field && (line.front() == ' ' || line.front() == '\t');
    if (!goes_on) {
      const std::string name = field_name(line);
      if (name.empty()) {
        if (line != kCrlf) kept += kCrlf;
        kept += text.substr(at);
        break;
      }
      in_field = true;
      dropping = name == "BCC" || name == "RESENT-BCC";
    }
    if (!dropping) kept += line;
    at += line.size();
  }
  return kept;
}

/// What a client says that speaks HTTP, TLS or the PROXY protocol: nothing of SMTP begins so.
bool is_foreign(std::string_view line) {
  for (const std::string_view beginning :
       {std::string_view("\x16\x03", 2), std::string_view("PROXY TCP4 "),
        std::string_view("PROXY TCP6 "), std::string_view("PROXY UNKNOWN")}) {
    if (line.starts_with(beginning)) return true;
  }
  const std::size_t end = line.find_first_of(" :\r\n");
  if (end == line.npos || end == 0) return false;
  const std::string word = upper(line.substr(0, end));
  const bool is_name = std::ranges::all_of(
      word, [](char c) { return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-'; });
  if (line[end] == ':') return is_name && word.size() <= 64;
  static constexpr std::string_view kMethods =
      " GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE "
      "LOCK "
      "UNLOCK PRI ";
  return line[end] == ' ' && is_name && kMethods.contains(' ' + word + ' ');
}

/// One reply, whole.
struct Reply {
  int code = 0;
  std::string text;  // of all lines, with its enhanced codes
};

class Judge {
 public:
  Judge(const Conversation& conversation, const Hellos& hellos)
      : conversation_(conversation),
        hellos_(hellos),
        said_(conversation.said),
        heard_(conversation.heard),
        tls_(!conversation.starttls) {}

  void judge() {
    const Reply greeting = reply();
    hold(greeting.code == 220, "the greeting is no 220");
    while (!over_) {
      const std::size_t end = said_.find('\n');
      if (end == said_.npos) break;  // an unfinished line is no command
      hear_line(take_said(end + 1));
    }
    if (!over_ && !heard_.empty() && is_turned_away(said_)) (void)reply();
    hold(heard_.empty(), "more was said than was asked for");
    hold(delivered_ == conversation_.delivered.size(), "delivered what nobody framed");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    std::fprintf(stderr, "session: %s\n  with %zu octets not yet said and %zu not yet heard of:\n",
                 what, said_.size(), heard_.size());
    print("said", conversation_.said);
    print("heard", conversation_.heard);
    for (const Delivered& each : conversation_.delivered) print("delivered", each.content);
    std::abort();
  }

  static void print(const char* name, std::string_view text) {
    std::fprintf(stderr, "%s: ", name);
    for (const char c : text) {
      const auto octet = static_cast<unsigned char>(c);
      if (octet == '\n') {
        std::fputs("\\n\n    ", stderr);
      } else if (octet >= 32 && octet < 127) {
        std::fputc(c, stderr);
      } else {
        std::fprintf(stderr, "\\x%02x", octet);
      }
    }
    std::fputc('\n', stderr);
  }

  void hold(bool condition, const char* what) const {
    if (!condition) fail(what);
  }

  std::string_view take_said(std::size_t count) {
    const std::string_view taken = said_.substr(0, count);
    said_.remove_prefix(taken.size());
    return taken;
  }

  /// RFC 5321 section 4.2: the next reply, by the letter.
  Reply reply() {
    Reply reply;
    while (true) {
      const std::size_t end = heard_.find('\n');
      hold(end != heard_.npos, "a command was not answered");
      std::string_view line = heard_.substr(0, end + 1);
      heard_.remove_prefix(line.size());
      hold(line.size() <= 512 && line.size() >= 5 && line.ends_with(kCrlf),
           "a reply line is too long or not ended by CRLF");
      line.remove_suffix(2);
      hold(std::ranges::none_of(line, [](char c) { return c == '\r' || c == '\0'; }),
           "a reply line has a bare CR or NUL");
      hold(is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]), "a reply has no code");
      const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
      hold(code >= 200 && code < 600, "a reply's code is none of SMTP's");
      hold(reply.code == 0 || reply.code == code, "the lines of a reply differ in their code");
      reply.code = code;
      const bool last = line.size() == 3 || line[3] == ' ';
      hold(last || line[3] == '-', "a code is followed by neither a space nor '-'");
      reply.text += line.substr(std::min<std::size_t>(line.size(), 4));
      reply.text += '\n';
      if (last) break;
    }
    // RFC 2034 section 4: every 4xx and 5xx has an enhanced code of its class, but for EHLO's.
    if (reply.code >= 400 && !is_hello_) {
      hold(reply.text.size() > 4 && reply.text[0] == static_cast<char>('0' + reply.code / 100) &&
               reply.text[1] == '.' && is_digit(reply.text[2]),
           "a refusal has no enhanced code of its class");
    }
    if (reply.code >= 400) ++refusals_;
    if (reply.code == 535) ++failed_logins_;
    return reply;
  }

  void end() { over_ = true; }

  /// Clients that we do not know yet and that speak no SMTP are hung up on.
  bool is_turned_away(std::string_view octets) const {
    return !authenticated_ && !challenged_ && is_foreign(octets);
  }

  /// 421 ends the session; it may also follow the reply to a command.
  void end_by_421(const Reply& reply) {
    const bool errors = reply.text.contains("Too many errors");
    const bool logins = reply.text.contains("Too many failed authentications");
    hold(errors || logins, "421 for nothing");
    hold(!errors || refusals_ > conversation_.max_errors, "421 too early");
    hold(!logins || failed_logins_ >= 3, "421 after too few failed logins");
    end();
  }

  Reply answer() {
    const Reply first = reply();
    if (first.code == 421) {
      end_by_421(first);
    } else if (heard_.starts_with("421 4.7.0 Too many")) {
      end_by_421(reply());
    }
    return first;
  }

  void hear_line(std::string_view line) {
    // Strictly CRLF, and what follows a bare LF is no line of its own (SMTP smuggling).
    const bool ends_well = line.ends_with(kCrlf);
    const std::string_view inside = line.substr(0, line.size() - (ends_well ? 2 : 1));
    // Nobody need remember how a line began that is longer than any may be (RFC 4954 section 4.3).
    const bool faulty = line.size() > kMostLine || !ends_well || after_bare_lf_ ||
                        inside.contains('\r') || inside.contains('\0');
    after_bare_lf_ = !ends_well;
    std::string command = upper(inside);
    while (command.ends_with(' ') || command.ends_with('\t')) command.pop_back();
    const std::string verb = command.substr(0, command.find(' '));
    is_hello_ = !faulty && !challenged_ && (verb == "EHLO" || verb == "HELO");
    if (!faulty && !challenged_ && verb == "BDAT") return hear_bdat(command);

    // The signature of a binary PROXY header has line ends of its own.
    static constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
    const std::string_view from_here(line.data(), line.size() + said_.size());
    const bool is_signature = !authenticated_ && !challenged_ && from_here.starts_with(kSignature);
    if (is_turned_away(line) || is_signature) {
      // Of a line that came in one piece with others, or with a fault, that may be told first.
      const Reply reply = this->reply();
      hold(reply.code >= 400, "a foreign protocol was obeyed");
      if ((!faulty && !is_signature) || heard_.empty()) {
        end();
      } else if (heard_.starts_with("421 4.7.0 Too many")) {
        end_by_421(this->reply());
      }
      return;
    }
    const Reply reply = answer();
    if (faulty) {
      hold(reply.code == 500, "a line with a fault was obeyed");
      challenged_ = false;
      return;
    }
    if (challenged_ || verb == "AUTH") return take_auth(inside, reply);
    if (reply.code == 354) {
      hold(command == "DATA", "354 to what is not DATA");
      return hear_content();
    }
    if (reply.code == 221) {
      hold(command == "QUIT", "221 to what is not QUIT");
      return end();
    }
    if (verb == "STARTTLS") return take_starttls(reply);
    hold(reply.code != 334 && reply.code != 235, "an AUTH reply to what is not AUTH");
    if (reply.code == 250) take_ok(verb, command, reply);
  }

  void take_ok(const std::string& verb, const std::string& command, const Reply& reply) {
    if (is_hello_) {
      forget_transaction();
      greeted_ = true;
      offers_chunking_ = reply.text.contains("\nCHUNKING\n");
      has_offered_chunking_ |= offers_chunking_;
      hold(!reply.text.contains("\nAUTH ") || (tls_ && !authenticated_),
           "AUTH is offered where it can't be used");
      hold(!reply.text.contains("\nSTARTTLS\n") || !tls_, "STARTTLS is offered inside TLS");
    } else if (verb == "MAIL") {
      hold(tls_ && authenticated_ && greeted_ && !mail_, "MAIL was accepted out of order");
      mail_ = true;
      binary_ = command.contains(" BODY=BINARYMIME");
    } else if (verb == "RCPT") {
      hold(mail_ && !chunked_, "RCPT was accepted without MAIL or behind a chunk");
      ++recipients_;
    } else if (verb == "RSET") {
      forget_transaction();
    } else {
      hold(verb == "NOOP", "250 to a command that has no such reply");
    }
  }

  void forget_transaction() {
    mail_ = false;
    recipients_ = 0;
    chunks_.clear();
    chunked_ = false;
    binary_ = false;
  }

  void take_auth(std::string_view line, const Reply& reply) {
    challenged_ = reply.code == 334;
    if (challenged_ || reply.code == 235) {
      hold(tls_ && greeted_ && !authenticated_ && !mail_, "AUTH went on out of order");
    }
    if (reply.code != 235) return;
    // RFC 4616, with and without the authorization identity, and the last line of LOGIN.
    hold(line.ends_with("AGFwcABzZWNyZXQ=") || line.ends_with("YXBwAGFwcABzZWNyZXQ=") ||
             line.ends_with("c2VjcmV0"),
         "235 for credentials that are none");
    authenticated_ = true;
  }

  /// RFC 3207: nothing but TLS may follow 220, and nothing that came in clear counts any more.
  void take_starttls(const Reply& reply) {
    if (reply.code == 554) return end();
    if (reply.code != 220) return;
    hold(!tls_, "STARTTLS inside TLS");
    if (!said_.starts_with(hellos_.client)) return end();
    said_.remove_prefix(hellos_.client.size());
    hold(heard_.starts_with(hellos_.server), "no TLS handshake after 220");
    heard_.remove_prefix(hellos_.server.size());
    tls_ = true;
    greeted_ = offers_chunking_ = false;
    forget_transaction();
  }

  /// RFC 5321 section 4.5.2: text up to CRLF "." CRLF, of which the first CRLF may be that of DATA.
  void hear_content() {
    hold(mail_ && recipients_ > 0 && authenticated_ && tls_, "354 without an envelope");
    hold(!chunked_ && !binary_, "DATA where only BDAT may be");
    std::string text;
    while (true) {
      const std::size_t end = said_.find(kCrlf);
      if (end == said_.npos) {
        said_ = {};
        return;  // the client went away
      }
      std::string_view line = take_said(end + 2);
      if (line == ".\r\n") break;
      // Where LF is mended, a dot alone before one is a line of text.
      const bool is_text = conversation_.compat && line.starts_with(".\n");
      if (line.starts_with('.') && !is_text) line.remove_prefix(1);
      text += conversation_.compat ? mended(line) : std::string(line);
    }
    conclude(text);
  }

  /// The line with each LF that has no CR before it as CRLF.
  static std::string mended(std::string_view line) {
    std::string text;
    for (const char c : line) {
      if (c == '\n' && !text.ends_with('\r')) text += '\r';
      text += c;
    }
    return text;
  }

  /// The message was framed: is it told and handed on as it must be?
  void conclude(std::string_view text) {
    const std::size_t recipients = recipients_;
    const bool clean = is_clean_content(text);
    forget_transaction();
    const Reply reply = answer();
    if (!clean) return hold(reply.code == 554, "content with bare line ends was taken");
    if (text.size() > conversation_.max_size) {
      return hold(reply.code == 552, "too large a message was taken");
    }
    // RFC 5321 section 6.3. Those that a gateway took out are told of in a field of ours.
    const bool loops = count_fields(text, "RECEIVED") > 100;
    const bool may_loop = loops || count_fields(text, "X-RECEIVED-REMOVED") > 0;
    if (may_loop && reply.code == 554) return;
    hold(!loops, "a mail loop was taken");
    hold(reply.code == 250, "a faultless message was refused");
    hold(delivered_ < conversation_.delivered.size(), "250 for a message that was not handed on");
    const Delivered& delivered = conversation_.delivered[delivered_++];
    hold(delivered.content == without_bcc(text), "another content was handed on");
    hold(delivered.recipients == recipients, "other recipients were handed on");
    check_trace(delivered.trace);
    refusals_ = 0;
  }

  /// Whatever the client said, it is fields with proper names and line ends, and Received is first.
  void check_trace(std::string_view trace) const {
    hold(trace.starts_with("Received: from ") && trace.ends_with(kCrlf) && is_clean(trace),
         "the trace fields are broken");
    for (std::size_t at = 0; at < trace.size();) {
      const std::string_view line = line_at(trace, at);
      const std::string name = field_name(line);
      hold(line.starts_with('\t') || name == "RECEIVED" || name == "DATE" || name == "MESSAGE-ID",
           "a field was forged");
      at += line.size();
    }
  }

  /// RFC 3030 section 2: `BDAT` SP size [SP `LAST`]. The octets of a chunk belong to it even when
  /// it is refused, so that they never turn into commands; where nobody can tell how many they are,
  /// the session ends.
  void hear_bdat(std::string command) {
    const bool last = command.ends_with(" LAST");
    if (last) command.resize(command.size() - 5);
    const std::string digits = command.substr(std::min<std::size_t>(5, command.size()));
    const bool is_number = !digits.empty() && std::ranges::all_of(digits, is_digit);
    std::uint64_t size = 0;
    const bool fits =
        is_number &&
        std::from_chars(digits.data(), digits.data() + digits.size(), size).ec == std::errc();
    if (!offers_chunking_ || !fits) {
      const Reply reply = answer();
      hold(reply.code >= 500, "a BDAT that can't be understood was obeyed");
      // To who was never offered it, it may be as unknown as any other word.
      if (heard_.empty() || has_offered_chunking_) end();
      return;
    }
    if (said_.size() < size) {
      said_ = {};
      return;  // the client went away
    }
    const std::string_view chunk = take_said(size);
    if (!mail_ || recipients_ == 0 || !authenticated_ || !tls_) {
      const Reply reply = answer();
      return hold(reply.code >= 400, "BDAT was accepted out of order");
    }
    chunked_ = true;
    chunks_ += chunk;
    if (last) return conclude(std::exchange(chunks_, {}));
    const Reply reply = answer();
    hold(reply.code == 250 || !is_clean_content(chunks_) || chunks_.size() > conversation_.max_size,
         "a faultless chunk was refused");
  }

  /// The whole is lines of text; of a message that was declared binary, its header section is.
  bool is_clean_content(std::string_view text) const {
    if (!binary_) return is_clean(text);
    std::size_t at = 0;
    while (at < text.size()) {
      const std::string_view line = line_at(text, at);
      at += line.size();
      if (line == kCrlf) break;
    }
    return is_clean(text.substr(0, at));
  }

  const Conversation& conversation_;
  const Hellos hellos_;
  std::string_view said_;
  std::string_view heard_;
  bool over_ = false;

  bool tls_;
  bool greeted_ = false;
  bool authenticated_ = false;
  bool challenged_ = false;  // the next line is a response of AUTH
  bool after_bare_lf_ = false;
  bool is_hello_ = false;  // the command was EHLO or HELO, whose refusal has no enhanced code
  bool offers_chunking_ = false;
  bool has_offered_chunking_ = false;
  bool mail_ = false;
  std::size_t recipients_ = 0;
  std::string chunks_;
  bool chunked_ = false;
  bool binary_ = false;
  std::size_t delivered_ = 0;
  std::size_t refusals_ = 0;
  std::size_t failed_logins_ = 0;
};

}  // namespace

void judge(const Conversation& conversation, const Hellos& hellos) {
  Judge(conversation, hellos).judge();
}

}  // namespace sallyport::fuzz
