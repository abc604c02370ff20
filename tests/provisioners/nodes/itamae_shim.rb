# What itamae (Debian's, 1.14) lacks of Chef's language, as far as the exported cookbook uses it. Only for the test: the
# cookbook is written for Chef, and this lets the same recipes run where no Chef is to be had.
#
#   cookbook_file      itamae's remote_file; sources lie in ../files, templates in ../templates, both without a search
#   options of Chef    execute: timeout, retries, retry_delay; directory: recursive. Read and not used: itamae makes
#                      parents by itself and has no limits
#   default[...]       attributes/default.rb is evaluated into node[...]
#
#   RUBYOPT=-r./itamae_shim.rb COOKBOOK=cookbooks/drucloud itamae local cookbooks/drucloud/recipes/web.rb
require 'itamae'
require 'itamae/node'

class Itamae::Resource::Execute
  define_attribute :timeout, type: Integer
  define_attribute :retries, type: Integer
  define_attribute :retry_delay, type: Integer
end

class Itamae::Resource::Directory
  define_attribute :recursive, type: [TrueClass, FalseClass]
end

class Itamae::Resource::Template
  private

  def find_source_file
    File.expand_path(File.join('..', 'templates', attributes.source), @recipe.dir)
  end
end

class Itamae::Resource::CookbookFile < Itamae::Resource::RemoteFile
  private

  def find_source_file
    File.expand_path(File.join('..', 'files', attributes.source), @recipe.dir)
  end
end

class DefaultAttributes
  def self.of(file)
    new.tap { |attributes| attributes.instance_eval(File.read(file)) }.default
  end

  def default
    @default ||= Hash.new { |hash, key| hash[key] = Hash.new(&hash.default_proc) }
  end
end

class Itamae::Node
  alias reverse_merge_without_cookbook initialize

  def initialize(hash, backend)
    reverse_merge_without_cookbook(DefaultAttributes.of(File.join(ENV.fetch('COOKBOOK'), 'attributes/default.rb')).merge(hash), backend)
  end
end
