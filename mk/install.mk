# make install puts the binary, the units and shell completion below PREFIX;
# make deb packs the same for Debian and Ubuntu. Both take bin/weft as it is, if
# it is there: build it as yourself, install it as root.
PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(PREFIX)/bin
UNITDIR = $(PREFIX)/lib/systemd/system
ZSHDIR = $(PREFIX)/share/zsh/site-functions

bin/weft:
	$(MAKE) build

.PHONY: install
install: bin/weft ## Install the binary, systemd units and completion (PREFIX=/usr/local DESTDIR=).
	install -D -m 755 bin/weft $(DESTDIR)$(BINDIR)/weft
	for unit in controller agent; do \
		install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)/etc/default; \
		sed 's|@BINDIR@|$(BINDIR)|' packaging/weft-$$unit.service > $(DESTDIR)$(UNITDIR)/weft-$$unit.service; \
		chmod 644 $(DESTDIR)$(UNITDIR)/weft-$$unit.service; \
		[ -e $(DESTDIR)/etc/default/weft-$$unit ] || install -m 644 packaging/weft-$$unit.default $(DESTDIR)/etc/default/weft-$$unit; \
	done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	bin/weft completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/weft
	bin/weft completion zsh > $(DESTDIR)$(ZSHDIR)/_weft
	bin/weft completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/weft.fish

.PHONY: uninstall
uninstall: ## Remove what make install has put there; state and settings stay.
	rm -f $(DESTDIR)$(BINDIR)/weft $(DESTDIR)$(UNITDIR)/weft-controller.service $(DESTDIR)$(UNITDIR)/weft-agent.service
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/weft $(DESTDIR)$(ZSHDIR)/_weft $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/weft.fish

# Of a tag the version is its name; a Debian version begins with a digit.
DEBVERSION = $(shell echo '$(VERSION)' | sed -E 's/^v//; s/^([^0-9])/0~\1/; s/-/+/g')
DEBARCH = $(shell dpkg --print-architecture)
DEBROOT = bin/deb

.PHONY: deb
deb: build ## Make bin/weft_VERSION_ARCH.deb (needs dpkg-deb).
	rm -rf $(DEBROOT)
	$(MAKE) install PREFIX=/usr DESTDIR=$(CURDIR)/$(DEBROOT) ZSHDIR=/usr/share/zsh/vendor-completions
	install -d -m 755 $(DEBROOT)/DEBIAN
	install -m 755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm $(DEBROOT)/DEBIAN
	install -m 644 packaging/debian/conffiles $(DEBROOT)/DEBIAN
	install -D -m 644 LICENSE $(DEBROOT)/usr/share/doc/weft/copyright
	sed 's|@VERSION@|$(DEBVERSION)|; s|@ARCHITECTURE@|$(DEBARCH)|; s|@SIZE@|'"$$(du -sk --exclude=DEBIAN $(DEBROOT) | cut -f1)"'|' packaging/debian/control > $(DEBROOT)/DEBIAN/control
	dpkg-deb --root-owner-group --build $(DEBROOT) bin/weft_$(DEBVERSION)_$(DEBARCH).deb
	rm -rf $(DEBROOT)
