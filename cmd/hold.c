/* The program of a container that has nothing to do but to be there: it holds the network that the
 * containers of a pod share, for as long as one of them may want it. No library is in it, so that
 * it runs in any image; as the first process of a container it is deaf to all signals but SIGKILL.
 */

#if defined(__x86_64__)
static void wait(void)
{
    long number = 34; /* pause(2) */
    __asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
}
#elif defined(__aarch64__)
static void wait(void)
{
    register long number __asm__("x8") = 73; /* ppoll(2) of nothing */
    register long a __asm__("x0") = 0, b __asm__("x1") = 0, c __asm__("x2") = 0;
    register long d __asm__("x3") = 0, e __asm__("x4") = 0;
    __asm__ volatile("svc 0" : "+r"(a) : "r"(number), "r"(b), "r"(c), "r"(d), "r"(e) : "memory");
}
#else
#error "say here how this machine waits for ever"
#endif

void _start(void)
{
    for (;;)
        wait();
}
