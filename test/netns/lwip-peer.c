// A peer that is neither the kernel nor ours: lwIP on a TUN device, for interoperation tests (lwip-peer.test.ts).
//   lwip-peer DEVICE ADDRESS echo PORT                  sends back what each connection brings, and ends when it has
//   lwip-peer DEVICE ADDRESS ask PEER PORT COUNT OCTETS  COUNT connections at once: sends so much, reads it back
// Prints "ready" when its device is there; `ask` waits for a line on stdin, then prints "same" when all came back.

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/sockets.h>
#include <lwip/tcpip.h>

#define MTU 1500
#define CHUNK 16384

static int tun;
static struct netif interface;
static const char *peer;
static int port, octets;

static void fail(const char *what) {
  fprintf(stderr, "lwip-peer: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* ---- the device ---- */

static int openTun(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  int fd = open("/dev/net/tun", O_RDWR);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) fail("cannot open the TUN device");
  return fd;
}

static err_t output(struct netif *netif, struct pbuf *p, const ip6_addr_t *to) {
  char packet[MTU];
  (void)netif;
  (void)to;
  u16_t length = pbuf_copy_partial(p, packet, sizeof packet, 0);
  return write(tun, packet, length) == length ? ERR_OK : ERR_IF;
}

static err_t attach(struct netif *netif) {
  netif->name[0] = 't';
  netif->name[1] = 'n';
  netif->mtu = MTU;
  netif->output_ip6 = output;
  return ERR_OK;
}

static void *input(void *unused) {
  char packet[MTU];
  ssize_t length;
  while ((length = read(tun, packet, sizeof packet)) > 0 || errno == EIO || errno == EINTR) {
    if (length <= 0) continue; /* EIO: the device is not up yet */
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
    if (p == NULL) continue;
    pbuf_take(p, packet, (u16_t)length);
    if (interface.input(p, &interface) != ERR_OK) pbuf_free(p);
  }
  return unused;
}

static void setUp(void *address) {
  ip6_addr_t ours;
  s8_t index = 0;
  if (!ip6addr_aton(address, &ours)) fail("not an address");
  netif_add_noaddr(&interface, NULL, attach, tcpip_input);
  netif_set_default(&interface);
  netif_set_link_up(&interface);
  netif_set_up(&interface);
  netif_add_ip6_address(&interface, &ours, &index);
  netif_ip6_addr_set_state(&interface, index, IP6_ADDR_PREFERRED);
  puts("ready");
  fflush(stdout);
}

/* ---- what it does ---- */

static struct sockaddr_in6 at(const char *address, int onPort) {
  struct sockaddr_in6 where = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)onPort)};
  if (address != NULL && !ip6addr_aton(address, (ip6_addr_t *)&where.sin6_addr)) fail("not an address");
  return where;
}

static int sendAll(int fd, const char *from, ssize_t length) {
  while (length > 0) {
    ssize_t sent = lwip_send(fd, from, (size_t)length, 0);
    if (sent <= 0) return -1;
    from += sent;
    length -= sent;
  }
  return 0;
}

static void *echo(void *argument) {
  int fd = (int)(intptr_t)argument;
  char chunk[CHUNK];
  ssize_t length;
  while ((length = lwip_recv(fd, chunk, sizeof chunk, 0)) > 0)
    if (sendAll(fd, chunk, length) < 0) break;
  lwip_shutdown(fd, SHUT_WR);
  lwip_close(fd);
  return NULL;
}

static void serve(void) {
  struct sockaddr_in6 where = at(NULL, port);
  int fd = lwip_socket(AF_INET6, SOCK_STREAM, 0);
  if (lwip_bind(fd, (struct sockaddr *)&where, sizeof where) < 0 || lwip_listen(fd, 64) < 0) fail("cannot listen");
  for (;;) {
    pthread_t thread;
    int connection = lwip_accept(fd, NULL, NULL);
    if (connection >= 0 && pthread_create(&thread, NULL, echo, (void *)(intptr_t)connection) == 0)
      pthread_detach(thread);
  }
}

/* The nth octet of a stream. */
static char octet(int stream, int n) { return (char)((n * 31 + n / 251 + stream * 17) & 0xff); }

struct stream {
  int number, fd;
  const char *problem;
};

static void *tell(void *argument) {
  struct stream *stream = argument;
  char chunk[CHUNK];
  for (int at = 0; at < octets; at += CHUNK) {
    int length = octets - at < CHUNK ? octets - at : CHUNK;
    for (int i = 0; i < length; i++) chunk[i] = octet(stream->number, at + i);
    if (sendAll(stream->fd, chunk, length) < 0) break;
  }
  lwip_shutdown(stream->fd, SHUT_WR);
  return NULL;
}

static void *ask(void *argument) {
  struct stream *stream = argument;
  struct sockaddr_in6 where = at(peer, port);
  pthread_t teller;
  char chunk[CHUNK];
  int got = 0;
  ssize_t length;
  stream->fd = lwip_socket(AF_INET6, SOCK_STREAM, 0);
  stream->problem = "connect";
  if (lwip_connect(stream->fd, (struct sockaddr *)&where, sizeof where) < 0) return NULL;
  pthread_create(&teller, NULL, tell, stream);
  stream->problem = "other octets";
  while ((length = lwip_recv(stream->fd, chunk, sizeof chunk, 0)) > 0)
    for (ssize_t i = 0; i < length; i++)
      if (chunk[i] != octet(stream->number, got++)) return NULL;
  pthread_join(teller, NULL);
  stream->problem = length < 0 ? "receive" : got < octets ? "too few octets" : NULL;
  lwip_close(stream->fd);
  return NULL;
}

static int askAll(int count) {
  struct stream *streams = calloc((size_t)count, sizeof *streams);
  pthread_t *threads = calloc((size_t)count, sizeof *threads);
  int failed = 0;
  if (streams == NULL || threads == NULL || getchar() == EOF) return 1;
  for (int i = 0; i < count; i++) {
    streams[i].number = i;
    if (pthread_create(&threads[i], NULL, ask, &streams[i]) != 0) fail("thread");
  }
  for (int i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
    if (streams[i].problem == NULL) continue;
    printf("stream %d: %s\n", i, streams[i].problem);
    failed = 1;
  }
  if (!failed) puts("same");
  fflush(stdout);
  if (getchar() != EOF) sleep(1); /* the last ACKs: until stdin ends */
  return failed;
}

int main(int argc, char **argv) {
  pthread_t reader;
  if (argc < 5) return 2;
  tun = openTun(argv[1]);
  tcpip_init(setUp, argv[2]);
  pthread_create(&reader, NULL, input, NULL);
  if (argc == 5) {
    port = atoi(argv[4]);
    serve();
  }
  if (argc < 8) return 2;
  peer = argv[4];
  port = atoi(argv[5]);
  octets = atoi(argv[7]);
  return askAll(atoi(argv[6]));
}
