#include "proxy/message/header_filter.h"

#include <algorithm>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"

namespace sallyport::message {
namespace {

constexpr std::string_view kCrlf = "\r\n";
constexpr std::size_t kMostMessageId = 998;     // RFC 5322 section 2.1.1
constexpr std::uint32_t kMostHops = 1'000'000;  // as good as any number that is too high

// Lines of an mbox file that come one after the other are kept up to this size: they may be text.
constexpr std::size_t kMostMbox = 4096;

// RFC 5322 section 3.6.8: ftext.
bool is_name_character(char c) { return c > 32 && c < 127 && c != ':'; }

/// Does `line`, of which the beginning will do, begin like the line that an mbox file (RFC 4155)
/// has before each message: `From x@y Mon …`, or `>From …` where it was put before one already?
bool begins_mbox_line(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of('>'), line.size()));
  return ascii::starts_with_ignoring_case(line, "From") && line.size() > 4 &&
         ascii::is_wsp(line[4]);
}

/// RFC 4155 appendix A: an address, perhaps none that anybody could write to, and the date that
/// asctime writes. A line of text that begins with "From" has something else there.
bool has_mbox_date(std::string_view line) {
  static constexpr std::string_view kDays = "Mon Tue Wed Thu Fri Sat Sun";
  static constexpr std::string_view kMonths = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
  const auto next_word = [&line] {
    line = ascii::trim(line);
    const std::string_view word = line.substr(0, line.find_first_of(" \t\r\n"));
    line.remove_prefix(word.size());
    return word;
  };
  (void)next_word();  // From
  (void)next_word();  // the address
  const std::string_view day = next_word();
  const std::string_view month = next_word();
  return day.size() == 3 && kDays.contains(day) && month.size() == 3 && kMonths.contains(month);
}

std::string unfolded(std::string value) {
  std::erase_if(value, [](char c) { return c == '\r' || c == '\n'; });
  return std::string(ascii::trim(value));
}

}  // namespace

HeaderFilter::HeaderFilter(const config::HeaderRules& rules) {
  if (rules.remove.empty() && rules.add.empty()) return;
  rules_ = &rules;
  facts_.removes_received = is_removed("Received");
}

void HeaderFilter::feed(std::string_view piece, std::vector<std::string_view>& kept) {
  Cut cut{.piece = piece, .kept = kept};
  const bool ended = state_ == State::kBody;
  while (cut.at < piece.size() && state_ != State::kBody) step(cut);
  size_ += cut.at;
  // The octets up to here of the line that ended the header section were looked at by `end_header`.
  if (guessed_end_) look_behind_end(ended ? piece : piece.substr(cut.at));

  std::string& held = held_[holding_];
  if (!is_undecided()) {
    if (!dropping_) cut.give(piece.size());
  } else if (held.empty()) {
    if (!dropping_) cut.give(cut.line_start);
    held = piece.substr(cut.line_start);
  } else {
    held += piece;
  }
}

void HeaderFilter::finish(std::vector<std::string_view>& kept) {
  Cut cut{.piece = {}, .kept = kept};
  if (is_undecided()) {
    end_header(cut, true);
  } else if (state_ != State::kBody && !mbox_.empty()) {
    // Nothing follows them that would tell what they are.
    has_mbox_date(mbox_) ? note_mbox_lines() : end_header(cut, true);
  }
  state_ = State::kBody;
  guessed_end_.reset();
}

void HeaderFilter::step(Cut& cut) {
  switch (state_) {
    case State::kLineStart:
      return start_line(cut);
    case State::kName:
    case State::kAfterName:
      return read_name(cut);
    case State::kMbox:
      return read_mbox(cut);
    case State::kEmptyLine:
      return end_header(cut, cut.piece[cut.at] != '\n');
    case State::kValue:
    case State::kValueCr:
      return read_value(cut);
    case State::kBody:
      return;
  }
}

void HeaderFilter::start_line(Cut& cut) {
  const char c = cut.piece[cut.at];
  if (field_ != Field::kNone && ascii::is_wsp(c)) {
    state_ = State::kValue;
    ++line_;
    return;
  }
  cut.line_start = cut.at;
  ++line_;
  if (c == '\r') {
    state_ = State::kEmptyLine;
    ++cut.at;
  } else {
    state_ = State::kName;
  }
}

void HeaderFilter::read_name(Cut& cut) {
  for (; cut.at < cut.piece.size(); ++cut.at) {
    const char c = cut.piece[cut.at];
    const std::size_t length = held_[holding_].size() + cut.at - cut.line_start;
    if (length == 0 ? !is_name_character(c) : length > kMostName) return end_header(cut, true);
    if (c == ':') return begin_field(cut);
    if (ascii::is_wsp(c)) {
      state_ = State::kAfterName;
    } else if (state_ == State::kAfterName || !is_name_character(c)) {
      return read_other(cut);
    }
  }
}

std::string HeaderFilter::undecided(const Cut& cut) const {
  const std::string& held = held_[holding_];
  if (held.empty()) return std::string(cut.piece.substr(cut.line_start, cut.at - cut.line_start));
  return held + std::string(cut.piece.substr(0, cut.at));
}

void HeaderFilter::read_other(Cut& cut) {
  if (!begins_mbox_line(undecided(cut))) return end_header(cut, true);
  state_ = State::kMbox;
}

void HeaderFilter::read_mbox(Cut& cut) {
  const std::size_t held = mbox_.size() + held_[holding_].size() + cut.at - cut.line_start;
  if (held > kMostMbox) return end_header(cut, true);
  // No further than that: where the header section ends must not depend on how the content came.
  const std::string_view rest = cut.piece.substr(cut.at, kMostMbox + 1 - held);
  const std::size_t line_feed = rest.find('\n');
  const std::size_t taken = line_feed == rest.npos ? rest.size() : line_feed + 1;
  cut.at += taken;
  if (held + taken > kMostMbox) return end_header(cut, true);
  if (line_feed == rest.npos) return;
  const std::string line = undecided(cut);
  if (!line.ends_with(kCrlf)) return;  // a lone LF is an octet like others
  // What it is shows in what follows. It ends the field before it, but no line can go on with it.
  mbox_ += line;
  decide(cut, false, {});
  field_ = Field::kNone;
  state_ = State::kLineStart;
}

void HeaderFilter::begin_field(Cut& cut) {
  std::string& held = held_[holding_];
  std::string_view name = cut.piece.substr(cut.line_start, cut.at - cut.line_start);
  std::string joined;
  if (!held.empty()) {
    joined.append(held).append(cut.piece.substr(0, cut.at));
    name = joined;
  }
  note_mbox_lines();
  decide(cut, admit(ascii::trim(name)), {});
  state_ = State::kValue;
  ++cut.at;  // the colon
}

/// Those that were held back stood before a header field: they are no text.
void HeaderFilter::note_mbox_lines() {
  if (mbox_.empty()) return;
  facts_.mbox_lines += static_cast<std::uint32_t>(std::ranges::count(mbox_, '\n'));
  facts_.removed_8bit |= !utf8::is_ascii(mbox_);
  mbox_.clear();
}

void HeaderFilter::end_header(Cut& cut, bool add_separator) {
  if (has_mbox_date(mbox_)) note_mbox_lines();
  const bool text_begins = add_separator || !mbox_.empty();
  if (text_begins) {
    facts_.separator_added = true;
    guessed_end_.emplace();
    ended_at_ = line_ - static_cast<std::uint64_t>(std::ranges::count(mbox_, '\n'));
    look_behind_end(mbox_);
    look_behind_end(undecided(cut));
  }
  decide(cut, true, text_begins ? kCrlf : std::string_view());
  state_ = State::kBody;
}

void HeaderFilter::look_behind_end(std::string_view octets) {
  if (!guessed_end_) return;
  guessed_end_->feed(octets);
  if (guessed_end_->finds_field()) facts_.broken_line = ended_at_;
  if (facts_.broken_line != 0 || guessed_end_->complete()) guessed_end_.reset();
}

/// The undecided line, read up to `cut.at`, is kept or dropped from here on; `before` goes before
/// it, with the lines that looked like those of an mbox file and are text.
void HeaderFilter::decide(Cut& cut, bool keep, std::string_view before) {
  std::string& held = held_[holding_];
  if (held.empty()) {
    const bool goes_on = keep && !dropping_ && before.empty();
    if (!dropping_ && !goes_on) cut.give(cut.line_start);
    if (!before.empty()) give_before(cut, before);
    if (!goes_on) cut.run = cut.line_start;
  } else {
    held += cut.piece.substr(0, cut.at);
    if (!before.empty()) give_before(cut, before);
    if (keep) cut.kept.push_back(held);
    cut.run = cut.at;
    holding_ ^= 1;
    held_[holding_].clear();
  }
  dropping_ = !keep;
}

void HeaderFilter::give_before(Cut& cut, std::string_view before) {
  cut.kept.push_back(before);
  if (!mbox_.empty()) cut.kept.push_back(mbox_);
}

void HeaderFilter::read_value(Cut& cut) {
  const std::size_t begin = cut.at;
  if (state_ == State::kValueCr) {
    const char c = cut.piece[cut.at];
    state_ = c == '\n' ? State::kLineStart : c == '\r' ? State::kValueCr : State::kValue;
    ++cut.at;
  } else {
    const std::size_t cr = cut.piece.find('\r', cut.at);
    state_ = cr == std::string_view::npos ? State::kValue : State::kValueCr;
    cut.at = cr == std::string_view::npos ? cut.piece.size() : cr + 1;
  }
  keep_value(cut.piece.substr(begin, cut.at - begin));
}

/// Notes what the name of a field tells; true if the field is passed on.
bool HeaderFilter::admit(std::string_view name) {
  if (watching_) {
    const auto is = [name](std::string_view other) {
      return ascii::equals_ignoring_case(name, other);
    };
    keeping_ = std::ranges::any_of(*watching_, is) && watched_octets_ <= kMostAuthorOctets;
    if (keeping_) watched_.push_back({.name = std::string(name), .text = {}});
  }
  return judge(name);
}

bool HeaderFilter::judge(std::string_view name) {
  const auto is = [name](std::string_view other) {
    return ascii::equals_ignoring_case(name, other);
  };
  const bool removed = rules_ != nullptr && is_removed(name);
  field_ = Field::kOther;
  switch (name.size()) {  // most names are none of these, and have other lengths
    case 3:
      if (is("Bcc")) return ++facts_.bcc_fields, false;
      break;
    case 4:
      if (is("From")) {
        ++facts_.from_fields;
        admit_author(Author::kFrom);
      } else if (is("Date")) {
        facts_.has_date |= !removed;
      }
      break;
    case 6:
      if (!removed && is("Sender")) admit_author(Author::kSender);
      break;
    case 8:
      if (is("Received")) ++facts_.received_fields;
      break;
    case 10:
      if (is("Resent-Bcc")) return ++facts_.bcc_fields, false;
      if (!removed && is("Message-ID") && !std::exchange(facts_.has_message_id, true)) {
        field_ = Field::kMessageId;
      }
      break;
    case 11:
      if (!removed && is("Resent-From")) admit_author(Author::kResentFrom);
      break;
    case 13:
      if (!removed && is("Resent-Sender")) admit_author(Author::kResentSender);
      break;
    case kReceivedRemoved.size():
      if (!is(kReceivedRemoved)) break;
      field_ = Field::kReceivedRemoved;
      told_earlier_ = facts_.received_before;
      told_ = 0;
      if (facts_.removes_received) return false;  // ours will tell the sum
      break;
    default:
      break;
  }
  if (removed) ++facts_.removed_fields;
  return !removed;
}

bool HeaderFilter::is_removed(std::string_view name) const {
  const auto is = [name](std::string_view other) {
    return name.size() == other.size() && ascii::equals_ignoring_case(name, other);
  };
  return std::ranges::any_of(rules_->remove, is) ||
         std::ranges::any_of(rules_->add, is, &config::HeaderField::name);
}

void HeaderFilter::admit_author(Author author) {
  if (++author_fields_ > kMostAuthorFields) return;
  authors_.emplace_back(author, std::string());
  field_ = Field::kAuthor;
}

void HeaderFilter::keep_value(std::string_view octets) {
  if (keeping_) {
    watched_octets_ += octets.size();
    if (watched_octets_ <= kMostAuthorOctets) {
      watched_.back().text += octets;
    } else {
      watched_.pop_back();
      keeping_ = false;
    }
  }
  if (!utf8::is_ascii(octets)) (dropping_ ? facts_.removed_8bit : facts_.has_8bit) = true;
  if (field_ == Field::kAuthor) {
    author_octets_ += octets.size();
    if (author_octets_ <= kMostAuthorOctets) authors_.back().second += octets;
  } else if (field_ == Field::kMessageId && message_id_.size() <= kMostMessageId) {
    message_id_ += octets.substr(0, kMostMessageId + 1 - message_id_.size());
  } else if (field_ == Field::kReceivedRemoved) {
    for (const char c : octets) {
      if (!ascii::is_digit(c)) continue;
      told_ = std::min(told_ * 10 + static_cast<std::uint32_t>(c - '0'), kMostHops);
    }
    facts_.received_before = std::min(told_earlier_ + told_, kMostHops);
  }
}

std::string HeaderFilter::message_id() const {
  if (message_id_.size() > kMostMessageId) return {};
  return unfolded(message_id_);
}

std::vector<config::HeaderField> HeaderFilter::watched() const {
  std::vector<config::HeaderField> fields;
  fields.reserve(watched_.size());
  for (const config::HeaderField& field : watched_) {
    fields.push_back({.name = field.name, .text = unfolded(field.text)});
  }
  return fields;
}

bool HeaderFilter::has(Author author) const {
  return author_fields_ > kMostAuthorFields ||
         std::ranges::any_of(authors_,
                             [author](const auto& field) { return field.first == author; });
}

Result<std::vector<std::string_view>> HeaderFilter::fields(Author author) const {
  if (author_octets_ > kMostAuthorOctets || author_fields_ > kMostAuthorFields) {
    return fail(ErrorCode::kLimit, "the fields that name authors are too long or too many");
  }
  std::vector<std::string_view> all;
  for (const auto& [whose, text] : authors_) {
    if (whose != author) continue;
    std::string_view value = text;
    if (value.ends_with(kCrlf)) value.remove_suffix(kCrlf.size());
    all.push_back(value);
  }
  return all;
}

}  // namespace sallyport::message
