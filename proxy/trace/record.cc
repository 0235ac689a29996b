#include "proxy/trace/record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "proxy/base/ascii.h"
#include "proxy/base/json_writer.h"
#include "proxy/base/utf8.h"

namespace sallyport::trace {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// The first recipients, and how many more there are.
std::string list(const Record& record) {
  std::string list;
  for (const std::string& path : record.to) {
    if (!list.empty()) list += ", ";
    list += path;
  }
  if (record.recipients > record.to.size()) {
    list += fmt::format(" and {} more", record.recipients - record.to.size());
  }
  return list;
}

void append_row(std::string& text, std::string_view name, std::string_view words) {
  if (words.empty()) return;
  fmt::format_to(std::back_inserter(text), "{:<11} {}\n", name, printable(words));
}

}  // namespace

std::size_t Record::octets() const {
  std::size_t octets = sizeof(Record) + id.size() + message_id.size() + user.size() +
                       client.size() + listener.size() + ehlo.size() + from.size() + reply.size() +
                       error.size() + upstream.size() + upstream_id.size();
  for (const std::string& path : to) octets += sizeof path + path.size();
  for (const Step& step : steps) octets += sizeof step + step.words.size();
  return octets;
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = utf8::sequence(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    // C1 controls are U+0080 to U+009F; terminals obey them as they do C0.
    const bool is_c1 =
        size == 2 && character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0;
    // U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069 make text run the other way.
    const bool reorders =
        size == 3 && character[0] == '\xe2' &&
        ((character[1] == '\x80' && (character[2] == '\x8e' || character[2] == '\x8f' ||
                                     (character[2] >= '\xa8' && character[2] <= '\xae'))) ||
         (character[1] == '\x81' && character[2] >= '\xa6' && character[2] <= '\xa9'));
    const bool hidden =
        size == 0 || (size == 1 && ascii::is_control(character[0])) || is_c1 || reorders;
    result += hidden ? std::string_view("?") : character;
    text.remove_prefix(character.size());
  }
  return result;
}

std::string in_seconds(Duration span) {
  const auto micros = duration_cast<microseconds>(span < Duration::zero() ? -span : span).count();
  return fmt::format("{}{}.{:06}", span < Duration::zero() ? "-" : "", micros / 1'000'000,
                     micros % 1'000'000);
}

std::string timestamp(WallTime when) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
  const auto millis = duration_cast<milliseconds>(when - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), millis);
}

std::string to_text(const Record& record) {
  std::string text;
  append_row(text, "id", record.id);
  append_row(text, "message-id", record.message_id);
  append_row(text, "ended", timestamp(record.ended));
  append_row(
      text, "result",
      record.cause.empty() ? record.result : fmt::format("{}, {}", record.result, record.cause));
  append_row(text, "error", record.error);
  append_row(text, "client",
             fmt::format("{} ({}) at {}", record.client, record.ehlo, record.listener));
  append_row(text, "user", record.user);
  append_row(text, "from", record.from.empty() ? "<>" : record.from);
  append_row(text, "to", list(record));
  append_row(text, "size", fmt::format("{} octets", record.size));
  append_row(text, "upstream", record.upstream);
  append_row(text, "its id", record.upstream_id);
  if (record.code != 0) append_row(text, "reply", record.reply);
  append_row(text, "took", in_seconds(record.total) + " s");
  for (const Step& step : record.steps) {
    fmt::format_to(std::back_inserter(text), "  {:>12}  {:<11} {}\n",
                   in_seconds(step.when - record.began), step.name, printable(step.words));
  }
  if (record.steps_left_out > 0) {
    fmt::format_to(std::back_inserter(text), "  {:>12}  {} more steps were not kept\n", "",
                   record.steps_left_out);
  }
  return text;
}

std::string to_json(const Record& record) {
  JsonWriter json;
  json.begin_object()
      .member("id", record.id)
      .member("message_id", record.message_id)
      .member("ended", timestamp(record.ended))
      .member("result", record.result)
      .member("cause", record.cause)
      .member("error", record.error)
      .member("client", record.client)
      .member("ehlo", record.ehlo)
      .member("listener", record.listener)
      .member("user", record.user)
      .member("from", record.from);
  json.key("to").begin_array();
  for (const std::string& path : record.to) json.value(path);
  json.end_array()
      .member("recipients", record.recipients)
      .member("size", record.size)
      .member("upstream", record.upstream)
      .member("upstream_id", record.upstream_id)
      .member("code", record.code)
      .member("reply", record.reply);
  json.key("total_time").literal(in_seconds(record.total));
  json.key("steps").begin_array();
  for (const Step& step : record.steps) {
    json.begin_object().key("at").literal(in_seconds(step.when - record.began));
    json.member("step", step.name).member("words", step.words).end_object();
  }
  json.end_array().member("steps_left_out", record.steps_left_out).end_object();
  return std::move(json).finish();
}

}  // namespace sallyport::trace
