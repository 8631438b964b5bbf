/* This API described by itself. */
#include "api/native/private.h"

/* The assembler reads the file into the program, so that the JSON stays a file. */
__asm__(".pushsection .rodata\n"
        ".global native_openapi\n"
        "native_openapi:\n"
        ".incbin \"openapi.json\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char native_openapi[];

void native_ask_openapi(struct call *c)
{
    call_text(c, 200, "application/json", native_openapi);
}
