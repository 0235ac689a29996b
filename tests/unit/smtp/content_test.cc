#include "proxy/smtp/content.h"

#include <gtest/gtest.h>
