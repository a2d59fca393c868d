// The native half of tun/: a TUN interface and a microsecond timer on Node's own event loop.
//
// Duty: open and set up the interface (in another network namespace where asked), move batches of frames
// between its file descriptor and JavaScript's memory, and wake JavaScript at an absolute time. Frames carry
// a struct virtio_net_hdr both ways; what its fields mean is decided in tun-device.ts, here they are only
// copied from and to a table of 32-bit words. Nothing here throws for a frame: what the kernel refuses is
// counted. The signatures as JavaScript sees them are in addon.ts.

#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <math.h>
#include <net/if.h>
#include <node_api.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#ifndef TUN_F_USO4 // Linux 6.2
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

// The largest frame: an IPv6 header and the largest payload its length field can tell.
enum { FRAME_MAX = 40 + 65535, FRAME_ALIGN = 16, HEADER_LEN = sizeof(struct virtio_net_hdr_mrg_rxbuf) };

// One frame in a table: where it is and the fields of its virtio_net_hdr. Words as in addon.ts.
typedef struct { uint32_t at, length, flags, gso_type, header_length, gso_size, csum_start, csum_offset; } descriptor;

// Counters, one double each. Order as in addon.ts.
typedef struct {
  double received_frames, received_bytes, receive_errors, sent_frames, sent_bytes;
  double dropped_full, dropped_down, dropped_invalid, dropped_too_big, dropped_other;
} counters;

typedef struct watcher watcher;
struct watcher { // what a TUN device and a timer have in common
  uv_poll_t poll;
  napi_env env;
  napi_async_cleanup_hook_handle cleanup;
  int fd; // -1 once closed
  void (*ready)(watcher *);
  napi_ref self, on_ready, on_closed, memory[3]; // `memory` keeps ring, table and counts alive
  uint8_t *ring;
  size_t ring_length, slots;
  uint32_t queue; // frames that the kernel keeps for us
  descriptor *table;
  counters *counts;
};

// ---- Errors and arguments -------------------------------------------------------------------------------

static napi_value throw_errno(napi_env env, int error, const char *step) {
  char text[160];
  napi_value code, message, name, number, value;
  snprintf(text, sizeof text, "%s: %s (%s)", uv_err_name(-error), strerror(error), step);
  napi_create_string_utf8(env, uv_err_name(-error), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  napi_create_string_utf8(env, step, NAPI_AUTO_LENGTH, &name);
  napi_create_int32(env, error, &number);
  napi_create_error(env, code, message, &value);
  napi_set_named_property(env, value, "errno", number);
  napi_set_named_property(env, value, "syscall", name);
  napi_throw(env, value);
  return NULL;
}

static uint32_t u32_of(napi_env env, napi_value value) {
  uint32_t n = 0;
  napi_get_value_uint32(env, value, &n);
  return n;
}

static void *array_of(napi_env env, napi_value value, size_t *bytes) {
  napi_typedarray_type type;
  size_t length = 0;
  void *data = NULL;
  *bytes = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok) return NULL;
  *bytes = length * (type == napi_float64_array ? 8 : type == napi_uint32_array ? 4 : 1);
  return data;
}

static watcher *watcher_of(napi_env env, napi_value value) {
  void *w = NULL;
  napi_get_value_external(env, value, &w);
  return w;
}

// ---- Watchers: a file descriptor on the event loop --------------------------------------------------------

static void call(watcher *w, napi_ref function, napi_value argument) {
  napi_value f, global, result, error;
  if (function == NULL || napi_get_reference_value(w->env, function, &f) != napi_ok || f == NULL) return;
  napi_get_global(w->env, &global);
  if (napi_make_callback(w->env, NULL, global, f, 1, &argument, &result) == napi_pending_exception) {
    napi_get_and_clear_last_exception(w->env, &error);
    napi_fatal_exception(w->env, error); // becomes 'uncaughtException', as with any event
  }
}

static void drop(napi_env env, napi_ref *reference) {
  if (*reference != NULL) napi_delete_reference(env, *reference);
  *reference = NULL;
}

static void on_uv_closed(uv_handle_t *handle) {
  watcher *w = handle->data;
  for (int i = 0; i < 3; i++) drop(w->env, &w->memory[i]);
  drop(w->env, &w->on_ready);
  drop(w->env, &w->on_closed);
  napi_remove_async_cleanup_hook(w->cleanup);
  drop(w->env, &w->self); // from here on the finalizer may free it
}

static void close_watcher(watcher *w) {
  if (w->fd < 0) return;
  uv_poll_stop(&w->poll);
  close(w->fd);
  w->fd = -1;
  uv_close((uv_handle_t *)&w->poll, on_uv_closed);
}

// A negative `status` or a dead descriptor: tell JavaScript once, and be gone.
static void fail_watcher(watcher *w, int error) {
  napi_value code;
  if (w->fd < 0) return;
  napi_create_string_utf8(w->env, uv_err_name(-error), NAPI_AUTO_LENGTH, &code);
  close_watcher(w);
  call(w, w->on_closed, code);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  watcher *w = poll->data;
  napi_handle_scope scope;
  (void)events;
  napi_open_handle_scope(w->env, &scope);
  if (status < 0) fail_watcher(w, -status);
  else w->ready(w);
  napi_close_handle_scope(w->env, scope);
}

static void on_cleanup(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  close_watcher(data);
}

static void on_finalize(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  free(data);
}

static napi_ref keep(napi_env env, napi_value value) {
  napi_ref reference = NULL;
  napi_create_reference(env, value, 1, &reference);
  return reference;
}

// Makes a watcher of `fd` and starts it; on success it owns `fd`. Throws and returns NULL where the loop refuses it.
static napi_value watch(napi_env env, int fd, void (*ready)(watcher *), watcher **made) {
  napi_value handle;
  uv_loop_t *loop;
  watcher *w = calloc(1, sizeof *w);
  int status = w == NULL ? UV_ENOMEM : 0;
  napi_get_uv_event_loop(env, &loop);
  if (status == 0) status = uv_poll_init(loop, &w->poll, fd);
  if (status < 0) {
    free(w);
    close(fd);
    return throw_errno(env, -status, "poll");
  }
  w->env = env, w->fd = fd, w->ready = ready, w->poll.data = w;
  napi_create_external(env, w, on_finalize, NULL, &handle);
  w->self = keep(env, handle);
  napi_add_async_cleanup_hook(env, on_cleanup, w, &w->cleanup);
  uv_poll_start(&w->poll, UV_READABLE, on_poll);
  *made = w;
  return handle;
}

// ---- TUN: opening ----------------------------------------------------------------------------------------

// An RTM_NEWLINK message under construction. By rtnetlink, because SIOCSIFTXQLEN wants a capability in the initial
// user namespace, where this needs it in the network namespace's own only.
typedef struct {
  struct nlmsghdr header;
  struct ifinfomsg link;
  uint8_t attributes[64];
} link_message;

// Appends an attribute and returns it; with no data it is the start of a nest, to be closed by end_nest().
static struct rtattr *put(link_message *m, unsigned short type, const void *data, size_t length) {
  struct rtattr *a = (struct rtattr *)((uint8_t *)m + NLMSG_ALIGN(m->header.nlmsg_len));
  a->rta_type = type;
  a->rta_len = (unsigned short)RTA_LENGTH(length);
  if (length > 0) memcpy(RTA_DATA(a), data, length);
  m->header.nlmsg_len = (uint32_t)((uint8_t *)a - (uint8_t *)m) + RTA_ALIGN(a->rta_len);
  return a;
}

static void end_nest(link_message *m, struct rtattr *nest) {
  nest->rta_len = (unsigned short)((uint8_t *)m + m->header.nlmsg_len - (uint8_t *)nest);
}

// Sends a message and takes the kernel's answer to it: 0, or -1 with errno.
static int talk(int s, link_message *m) {
  struct { struct nlmsghdr header; struct nlmsgerr error; uint8_t quoted[256]; } answer;
  if (send(s, m, m->header.nlmsg_len, 0) < 0 || recv(s, &answer, sizeof answer, 0) < (ssize_t)NLMSG_LENGTH(sizeof(int))) return -1;
  errno = answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
  return errno == 0 ? 0 : -1;
}

// Sets MTU and queue length, then brings the link up. No link-local address is made: it is of no use on a link
// without neighbours and would have the kernel solicit routers.
static int configure(int s, const char *name, uint32_t mtu, uint32_t queue) {
  const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
  link_message m = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)}};
  link_message up = m;
  put(&m, IFLA_MTU, &mtu, sizeof mtu);
  put(&m, IFLA_TXQLEN, &queue, sizeof queue);
  struct rtattr *families = put(&m, IFLA_AF_SPEC, NULL, 0), *inet6 = put(&m, AF_INET6, NULL, 0);
  put(&m, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
  end_nest(&m, inet6);
  end_nest(&m, families);
  up.link.ifi_flags = up.link.ifi_change = IFF_UP;
  return talk(s, &m) < 0 || talk(s, &up) < 0 ? -1 : 0;
}

// True where the link is usable: an interface that an administrator has made for this user needs no more.
static bool is_set_up(int s, const char *name, int mtu) {
  struct ifreq r = {0};
  strcpy(r.ifr_name, name);
  if (ioctl(s, SIOCGIFMTU, &r) < 0 || r.ifr_mtu != mtu) return false;
  return ioctl(s, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_UP) != 0;
}

static int queue_of(int s, const char *name) {
  struct ifreq r = {0};
  strcpy(r.ifr_name, name);
  return ioctl(s, SIOCGIFTXQLEN, &r) < 0 ? 0 : r.ifr_qlen;
}

// `queue`: what is wanted; then what it is. A shorter one than wanted is lived with where it is not ours to change.
static int set_up_link(const char *name, int mtu, int *queue) {
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (s < 0) return -1;
  bool usable = is_set_up(s, name, mtu);
  int result = usable && queue_of(s, name) >= *queue ? 0 : configure(s, name, (uint32_t)mtu, (uint32_t)*queue);
  int error = errno;
  if (result < 0 && error == EPERM && usable) result = 0;
  *queue = queue_of(s, name);
  close(s);
  errno = error;
  return result;
}

// In the current namespace. Returns the descriptor, or -1 with errno and the failed step.
static int open_here(const char *name, int mtu, int *queue, unsigned offloads, const char **step) {
  struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  int header = HEADER_LEN;
  const unsigned uso = TUN_F_USO4 | TUN_F_USO6;
  strcpy(r.ifr_name, name);
  *step = "/dev/net/tun";
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  if (*step = "TUNSETIFF", ioctl(fd, TUNSETIFF, &r) < 0) goto failed;
  if (*step = "TUNSETVNETHDRSZ", ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) goto failed;
  *step = "TUNSETOFFLOAD"; // an older kernel has no USO: do without
  if (ioctl(fd, TUNSETOFFLOAD, offloads) < 0 && ioctl(fd, TUNSETOFFLOAD, offloads & ~uso) < 0) goto failed;
  if (*step = "RTM_NEWLINK", set_up_link(name, mtu, queue) == 0) return fd;
failed:;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// The interface is made in the namespace at `netns` (a path; empty: the current one) while this thread visits it.
static int open_in(const char *netns, const char *name, int mtu, int *queue, unsigned offloads, const char **step) {
  if (netns[0] == '\0') return open_here(name, mtu, queue, offloads, step);
  int fd = -1, error;
  int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  int there = open(netns, O_RDONLY | O_CLOEXEC);
  *step = "setns";
  if (home >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
    fd = open_here(name, mtu, queue, offloads, step);
    error = errno;
    // Nobody may go on in a namespace that is not theirs.
    if (setns(home, CLONE_NEWNET) < 0) napi_fatal_error("tun", NAPI_AUTO_LENGTH, "cannot return from a network namespace", NAPI_AUTO_LENGTH);
  } else {
    error = errno;
    if (there < 0) *step = "netns";
  }
  if (home >= 0) close(home);
  if (there >= 0) close(there);
  errno = error;
  return fd;
}

// ---- TUN: frames in --------------------------------------------------------------------------------------

// One batch a wakeup: as many frames as ring and table hold, then one call. What is left wakes us again, after
// everybody else on the loop had a turn.
static void read_batch(watcher *w) {
  uint32_t count = 0;
  size_t at = 0; // of the header; it stands just before its frame, which is aligned
  int error = 0;
  while (count < w->slots && at + FRAME_ALIGN + FRAME_MAX <= w->ring_length) {
    uint8_t *header = w->ring + at + FRAME_ALIGN - HEADER_LEN;
    ssize_t n = read(w->fd, header, HEADER_LEN + FRAME_MAX);
    if (n < 0 && (errno == EINVAL || errno == EINTR)) { // EINVAL: a frame the header cannot describe
      w->counts->receive_errors++;
      if (errno == EINVAL && ++error > 64) break;
      continue;
    }
    if (n < 0 && errno != EAGAIN) {
      fail_watcher(w, errno);
      return;
    }
    if (n < HEADER_LEN) break;
    struct virtio_net_hdr h;
    memcpy(&h, header, sizeof h);
    w->table[count++] = (descriptor){
        .at = (uint32_t)(at + FRAME_ALIGN), .length = (uint32_t)(n - HEADER_LEN), .flags = h.flags, .gso_type = h.gso_type,
        .header_length = h.hdr_len, .gso_size = h.gso_size, .csum_start = h.csum_start, .csum_offset = h.csum_offset};
    w->counts->received_bytes += (double)(n - HEADER_LEN);
    at += (FRAME_ALIGN + (size_t)(n - HEADER_LEN) + FRAME_ALIGN - 1) & ~(size_t)(FRAME_ALIGN - 1);
  }
  if (count == 0) return;
  w->counts->received_frames += count;
  napi_value argument;
  napi_create_uint32(w->env, count, &argument);
  call(w, w->on_ready, argument);
}

// ---- TUN: exported ---------------------------------------------------------------------------------------

static napi_value tun_open(napi_env env, napi_callback_info info) {
  napi_value a[10];
  size_t argc = 10, ring_length, table_length, counts_length;
  char name[IFNAMSIZ], netns[4096];
  const char *step = NULL;
  watcher *w = NULL;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  uint8_t *ring = array_of(env, a[5], &ring_length);
  descriptor *table = array_of(env, a[6], &table_length);
  counters *counts = array_of(env, a[7], &counts_length);
  if (argc < 10 || napi_get_value_string_utf8(env, a[0], name, sizeof name, NULL) != napi_ok ||
      napi_get_value_string_utf8(env, a[1], netns, sizeof netns, NULL) != napi_ok ||
      ring_length < FRAME_ALIGN + FRAME_MAX || table_length < sizeof *table || counts_length < sizeof *counts)
    return throw_errno(env, EINVAL, "arguments");
  int queue = (int)u32_of(env, a[3]);
  int fd = open_in(netns, name, (int)u32_of(env, a[2]), &queue, u32_of(env, a[4]), &step);
  if (fd < 0) return throw_errno(env, errno, step);
  napi_value handle = watch(env, fd, read_batch, &w);
  if (handle == NULL) return NULL;
  w->ring = ring, w->ring_length = ring_length, w->table = table, w->slots = table_length / sizeof *table, w->counts = counts;
  w->queue = (uint32_t)queue;
  for (int i = 0; i < 3; i++) w->memory[i] = keep(env, a[5 + i]);
  w->on_ready = keep(env, a[8]);
  w->on_closed = keep(env, a[9]);
  return handle;
}

static napi_value tun_queue_length(napi_env env, napi_callback_info info) {
  napi_value a[1], result;
  size_t argc = 1;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  watcher *w = watcher_of(env, a[0]);
  napi_create_uint32(env, w == NULL ? 0 : w->queue, &result);
  return result;
}

static void count_refused(counters *c, int error) {
  if (error == EAGAIN || error == ENOBUFS || error == ENOMEM) c->dropped_full++;
  else if (error == EIO) c->dropped_down++; // the link is down
  else if (error == EINVAL) c->dropped_invalid++;
  else if (error == EMSGSIZE) c->dropped_too_big++;
  else c->dropped_other++; // EBADFD among them: the interface is gone, and the poll will say so
}

// send(handle, frames, table, count): returns how many of the frames the kernel has taken.
static napi_value tun_send(napi_env env, napi_callback_info info) {
  napi_value a[4], frame, result;
  size_t argc = 4, table_length, length;
  uint32_t sent = 0;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  watcher *w = watcher_of(env, a[0]);
  const descriptor *d = array_of(env, a[2], &table_length);
  uint32_t count = u32_of(env, a[3]);
  if (w == NULL || count > table_length / sizeof *d) return throw_errno(env, EINVAL, "arguments");
  for (uint32_t i = 0; i < count && w->fd >= 0; i++, d++) {
    struct virtio_net_hdr_mrg_rxbuf h = {
        .hdr = {.flags = (uint8_t)d->flags, .gso_type = (uint8_t)d->gso_type, .hdr_len = (uint16_t)d->header_length,
                .gso_size = (uint16_t)d->gso_size, .csum_start = (uint16_t)d->csum_start, .csum_offset = (uint16_t)d->csum_offset}};
    napi_get_element(env, a[1], i, &frame);
    uint8_t *bytes = array_of(env, frame, &length);
    struct iovec parts[2] = {{&h, sizeof h}, {bytes, length}};
    ssize_t n = writev(w->fd, parts, 2);
    if (n < 0) {
      count_refused(w->counts, errno);
      continue;
    }
    sent++;
    w->counts->sent_bytes += (double)length;
  }
  if (w->fd >= 0) w->counts->sent_frames += sent;
  napi_create_uint32(env, sent, &result);
  return result;
}

// ---- Timer -----------------------------------------------------------------------------------------------

static void on_expired(watcher *w) {
  uint64_t expirations;
  napi_value argument;
  if (read(w->fd, &expirations, sizeof expirations) < 0) return; // set again in the meantime
  napi_create_double(w->env, (double)expirations, &argument);
  call(w, w->on_ready, argument);
}

static napi_value timer_open(napi_env env, napi_callback_info info) {
  napi_value a[1];
  size_t argc = 1;
  watcher *w = NULL;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return throw_errno(env, errno, "timerfd_create");
  napi_value handle = watch(env, fd, on_expired, &w);
  if (handle != NULL) w->on_ready = keep(env, a[0]);
  return handle;
}

// armTimer(handle, microseconds): absolute, on the clock of process.hrtime(). Infinity: not at all.
static napi_value timer_arm(napi_env env, napi_callback_info info) {
  napi_value a[2];
  size_t argc = 2;
  double at = INFINITY;
  struct itimerspec when = {0};
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  watcher *w = watcher_of(env, a[0]);
  napi_get_value_double(env, a[1], &at);
  if (w == NULL || w->fd < 0) return NULL;
  if (at < 9e15) {
    uint64_t us = at > 1 ? (uint64_t)at : 1; // 0 would disarm
    when.it_value = (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
  }
  if (timerfd_settime(w->fd, TFD_TIMER_ABSTIME, &when, NULL) < 0) return throw_errno(env, errno, "timerfd_settime");
  return NULL;
}

// ---- Both ------------------------------------------------------------------------------------------------

static napi_value handle_close(napi_env env, napi_callback_info info) {
  napi_value a[1];
  size_t argc = 1;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  watcher *w = watcher_of(env, a[0]);
  if (w != NULL) close_watcher(w);
  return NULL;
}

// keepAlive(handle, yes): does an open handle keep the process running?
static napi_value handle_keep_alive(napi_env env, napi_callback_info info) {
  napi_value a[2];
  size_t argc = 2;
  bool yes = true;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  watcher *w = watcher_of(env, a[0]);
  napi_get_value_bool(env, a[1], &yes);
  if (w == NULL || w->fd < 0) return NULL;
  if (yes) uv_ref((uv_handle_t *)&w->poll);
  else uv_unref((uv_handle_t *)&w->poll);
  return NULL;
}

NAPI_MODULE_INIT() {
  static const struct { const char *name; napi_callback call; } functions[] = {
      {"openTun", tun_open}, {"queueLength", tun_queue_length}, {"send", tun_send}, {"openTimer", timer_open},
      {"armTimer", timer_arm}, {"close", handle_close}, {"keepAlive", handle_keep_alive}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value f;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &f);
    napi_set_named_property(env, exports, functions[i].name, f);
  }
  return exports;
}
