// stb, where Debian has it or at the top of an include folder. Its implementation is linked (-lstb), never
// compiled here.
#pragma once

#if __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#else
#include <stb_image.h>
#include <stb_image_write.h>
#endif
