#include "proxy/http/json.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace sallyport::http {
namespace {

using Value = nlohmann::json;

constexpr int kDeepest = 32;

}  // namespace

struct Json::Impl {
  std::shared_ptr<const Value> whole;  // which `value` is a part of
  const Value* value;

  const Value* find(std::string_view key) const {
    const auto found = value->find(key);
    return found == value->end() ? nullptr : &*found;
  }
};

Json::Json(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Json> Json::parse(std::string_view text) {
  bool too_deep = false;
  const auto watch = [&](int depth, Value::parse_event_t /*event*/, Value& /*value*/) {
    too_deep = too_deep || depth > kDeepest;
    return !too_deep;
  };
  auto whole = std::make_shared<const Value>(
      Value::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false));
  if (too_deep || whole->is_discarded() || !whole->is_object()) {
    return fail(ErrorCode::kInvalid, "it is no JSON object");
  }
  const Value* const value = whole.get();
  return Json(std::make_shared<const Impl>(std::move(whole), value));
}

std::optional<std::string_view> Json::text(std::string_view key) const {
  const Value* const value = impl_->find(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get_ref<const std::string&>();
}

std::optional<std::int64_t> Json::integer(std::string_view key) const {
  const Value* const value = impl_->find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (!value->is_string()) return std::nullopt;
  const auto& digits = value->get_ref<const std::string&>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::vector<std::string_view> Json::texts(std::string_view key) const {
  std::vector<std::string_view> texts;
  const Value* const value = impl_->find(key);
  if (value == nullptr) return texts;
  if (value->is_string()) texts.emplace_back(value->get_ref<const std::string&>());
  if (!value->is_array()) return texts;
  texts.reserve(value->size());
  for (const Value& element : *value) {
    if (element.is_string()) texts.emplace_back(element.get_ref<const std::string&>());
  }
  return texts;
}

std::optional<std::int64_t> Json::seconds(std::string_view key) const {
  // What a double holds exactly; a date past it is none.
  constexpr double kMost = 9007199254740992.0;
  const Value* const value = impl_->find(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto number = value->get<double>();
  if (!(number >= -kMost && number <= kMost)) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(number));
}

std::vector<std::pair<std::string_view, std::string_view>> Json::text_members() const {
  std::vector<std::pair<std::string_view, std::string_view>> members;
  for (const auto& [name, value] : impl_->value->get_ref<const Value::object_t&>()) {
    if (value.is_string()) members.emplace_back(name, value.get_ref<const std::string&>());
  }
  return members;
}

bool Json::has(std::string_view key) const { return impl_->find(key) != nullptr; }

std::optional<bool> Json::boolean(std::string_view key) const {
  const Value* const value = impl_->find(key);
  if (value == nullptr || !value->is_boolean()) return std::nullopt;
  return value->get<bool>();
}

std::vector<Json> Json::objects(std::string_view key) const {
  std::vector<Json> objects;
  const Value* const value = impl_->find(key);
  if (value == nullptr || !value->is_array()) return objects;
  for (const Value& element : *value) {
    if (element.is_object()) {
      objects.push_back(Json(std::make_shared<const Impl>(impl_->whole, &element)));
    }
  }
  return objects;
}

std::optional<Json> Json::object(std::string_view key) const {
  const Value* const value = impl_->find(key);
  if (value == nullptr || !value->is_object()) return std::nullopt;
  return Json(std::make_shared<const Impl>(impl_->whole, value));
}

std::string json_quoted(std::string_view text) {
  return Value(std::string(text)).dump(-1, ' ', false, Value::error_handler_t::replace);
}

}  // namespace sallyport::http
